// A site for `daft start`: a directory, a replacement of ssh that runs commands on this machine with a home per host,
// and cleanup of all nodes.

import Foundation
import Glibc
import Testing
import TestPrograms

final class Site {
    let path = "/tmp/daft-start-test-\(UInt64.random(in: 0 ... .max))"
    private var running: [Running] = []
    private var runs = 0

    /// The default replacement of ssh: a shell runs the last word; the preceding words are `HOST`-specific failures.
    static let plain = """
        #!/bin/sh
        site=SITE
        while [ "$1" != -- ]; do shift; done
        host=$2
        echo $$ > $site/ssh-$host
        HOME=$site/home-$host TMPDIR=$site/tmp-$host; export HOME TMPDIR
        mkdir -p $HOME $TMPDIR
        TROUBLE
        echo "Welcome to $host"
        exec sh -c "$3"
        """

    init(trouble: String = "") throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let script = Site.plain.replacingOccurrences(of: "SITE", with: path)
            .replacingOccurrences(of: "TROUBLE", with: trouble)
        try script.write(toFile: path + "/ssh", atomically: true, encoding: .utf8)
        chmod(path + "/ssh", 0o700)
    }

    deinit {
        for one in running { one.end() }
        endNodes()
        try? FileManager.default.removeItem(atPath: path)
    }

    func begin(_ arguments: [String], ssh: String? = nil) throws -> Running {
        runs += 1
        let one = try Running(
            builtProgram("daft"),
            arguments + ["--catalogue", path + "/catalogue", "--ssh", ssh ?? path + "/ssh"], in: path,
            variables: ["HOME=\(path)", "TMPDIR=\(path)"], input: "/dev/null", output: "\(path)/out\(runs)",
            errors: "\(path)/err\(runs)")
        running.append(one)
        return one
    }

    func run(_ arguments: String..., ssh: String? = nil) throws -> Ended { try begin(arguments, ssh: ssh).wait() }

    /// A host file with these lines.
    func hosts(_ lines: String...) throws -> String {
        try lines.joined(separator: "\n").write(toFile: path + "/hosts", atomically: true, encoding: .utf8)
        return path + "/hosts"
    }

    /// The names of the cached programs in `home`.
    func cached(_ home: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "\(path)/\(home)/.cache/daft")) ?? []).sorted()
    }

    func inode(_ name: String, in home: String) -> UInt64 {
        var status = stat()
        return lstat("\(path)/\(home)/.cache/daft/\(name)", &status) == 0 ? UInt64(status.st_ino) : 0
    }

    /// Node processes with this site in their environment.
    var nodes: [pid_t] {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return all.compactMap { pid_t($0) }.filter { process in
            guard text("/proc/\(process)/comm").hasPrefix("daft-node") else { return false }
            return text("/proc/\(process)/environ").contains(path)
        }
    }

    /// Ends all nodes and waits.
    func endNodes() {
        for number in [SIGTERM, SIGKILL] {
            for process in nodes { kill(process, number) }
            let deadline = Date().addingTimeInterval(10)
            while !nodes.isEmpty, Date() < deadline { usleep(5_000) }
        }
    }

    func text(_ path: String) -> String {
        String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }
}

/// Sorted lines, since hosts answer in any order.
func sorted(_ text: String) -> [String] { text.split(separator: "\n").map(String.init).sorted() }
