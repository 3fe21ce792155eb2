// A small cluster in a box: hosts with a shared directory and an account on each. Suites add their batch system.

import Foundation
import Glibc
import TestBox
import Testing
import TestPrograms

let clusterHosts = 4

/// Created by the first test that needs it.
let clusterBox = Result {
    let box = try Box(hosts: clusterHosts, network: "10.78.0", programs: ["daft-run", "daft"])
    for host in 0..<clusterHosts {
        let made = try box.shell(Account.making, on: host)
        guard made.status == 0 else { throw NoBox(program: "useradd", reason: made.errors) }
    }
    return box
}

/// Serialized: all suites share one box.
@Suite(.serialized, .timeLimit(.minutes(5))) enum SchedulerTests {}

/// The unprivileged user who submits jobs.
enum Account {
    static let name = "ana"
    static let number: UInt32 = 5000
    /// May log in between all hosts. The password `*` matches nothing but leaves the account unlocked.
    static let making = """
        useradd --uid \(number) --password '*' --create-home \(name) && cp -r /root/.ssh /home/\(name) &&
        chown -R \(name): /home/\(name)/.ssh
        """
}

/// A test's directory, owned by the account and shared by all hosts; removed after the test.
final class Desk {
    let box: Box
    let place: String

    init(_ box: Box) throws {
        self.box = box
        place = "\(box.common)/desk-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        try own("")
    }

    deinit { try? FileManager.default.removeItem(atPath: place) }

    subscript(path: String) -> String { "\(place)/\(path)" }

    private func own(_ path: String) throws {
        guard lchown(self[path], Account.number, Account.number) == 0 else {
            throw NoBox(program: "lchown", reason: String(cString: strerror(errno)))
        }
    }

    /// Writes a file and creates its directories.
    func write(_ path: String, _ bytes: Data) throws {
        let folders = path.split(separator: "/").dropLast().map(String.init)
        for count in 0..<folders.count {
            let folder = folders[0...count].joined(separator: "/")
            if access(self[folder], F_OK) == 0 { continue }
            try FileManager.default.createDirectory(atPath: self[folder], withIntermediateDirectories: false)
            try own(folder)
        }
        try bytes.write(to: URL(fileURLWithPath: self[path]))
        try own(path)
    }

    func write(_ path: String, _ text: String) throws { try write(path, Data(text.utf8)) }

    /// A script of the repository, copied for submission.
    func script(_ path: String) throws -> String {
        let repository = (#filePath as NSString).deletingLastPathComponent + "/../../"
        let name = (path as NSString).lastPathComponent
        try write(name, try Data(contentsOf: URL(fileURLWithPath: repository + path)))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: self[name])
        return self[name]
    }

    func text(_ path: String) -> String {
        (try? String(contentsOfFile: self[path], encoding: .utf8)) ?? ""
    }

    func list(_ path: String) -> [String] { (try? FileManager.default.contentsOfDirectory(atPath: self[path])) ?? [] }

    func has(_ path: String) -> Bool { access(self[path], F_OK) == 0 }

    /// Starts a program as the account, in this directory.
    func start(_ words: [String], on host: Int = 0) throws -> Running {
        let account = ["--reuid=\(Account.number)", "--regid=\(Account.number)", "--init-groups"]
        let variables = ["HOME=/home/\(Account.name)", "USER=\(Account.name)", "PATH=\(box.common):/usr/bin:/bin"]
        return try box.start(
            ["setpriv"] + account + ["env", "-i", "-C", place] + variables + words, on: host)
    }

    @discardableResult
    func run(_ words: String..., on host: Int = 0) throws -> Ended { try start(words, on: host).wait(seconds: 60) }
}
