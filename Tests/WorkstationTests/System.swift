// A workstation system in the box: a host file, `daft start` on host 0, commands on any host, and cleanup.

import Foundation
import Glibc
import TestBox
import Testing
import TestPrograms

let workstations = 5

/// Created by the first test that needs it.
let workstationBox = Result { try Box(hosts: workstations, network: "10.77.0", programs: ["daft"]) }

/// Why it is not available.
let obstacle = Box.obstacle(for: "WorkstationTests")

final class System {
    let box: Box
    let store: String
    /// Directory of files to publish, on host 0 and all others.
    let sources: String
    private var running: [Running] = []

    /// `disk`: the stores' directory; /scratch does not survive a power-off.
    init(disk: String = "/scratch") throws {
        box = try workstationBox.get()
        try box.settle()
        let name = "test-\(UInt64.random(in: 0 ... .max))"
        store = "\(disk)/\(name)"
        sources = "\(box.common)/\(name)"
        try FileManager.default.createDirectory(atPath: sources, withIntermediateDirectories: true)
    }

    deinit {
        for one in running { one.end() }
        try? box.settle()
        for host in 0..<workstations {
            for node in nodes(on: host) { kill(node, SIGKILL) }
            _ = try? box.shell("umount \(store) 2>/dev/null; rm -rf \(store) \(store).*", on: host)
        }
        try? FileManager.default.removeItem(atPath: sources)
    }

    // MARK: commands

    /// `daft start` on host 0 with a host file of these lines.
    func start(_ lines: String..., options: [String] = []) throws -> Ended {
        try lines.joined(separator: "\n").write(toFile: sources + "/hosts", atomically: true, encoding: .utf8)
        return try daft(["start", sources + "/hosts"] + options)
    }

    /// The standard system: a metadata server on host 0, data servers on the others.
    func start() throws {
        let started = try start("n[1-4]")
        try #require(started.status == 0, "\(started)")
    }

    func daft(_ words: String..., on host: Int = 0) throws -> Ended { try daft(words, on: host) }

    func daft(_ words: [String], on host: Int = 0, seconds: Double = 40) throws -> Ended {
        try begin(words, on: host).wait(seconds: seconds)
    }

    func begin(_ words: [String], on host: Int = 0) throws -> Running {
        let one = try box.start([box.common + "/daft", "--store", store] + words, on: host)
        running.append(one)
        return one
    }

    // MARK: queries

    func nodes(on host: Int) -> [pid_t] { box.processes("daft-node", on: host) }

    /// On all hosts.
    var nodes: [pid_t] { (0..<workstations).flatMap(nodes(on:)) }

    /// The log of a host's node; on host 0 the metadata server's.
    func log(on host: Int) -> String {
        let file = host == 0 ? store + ".mds/log" : store + "/.daft/log"
        return (try? String(contentsOfFile: box.path(file, on: host), encoding: .utf8)) ?? ""
    }

    func exists(_ path: String, on host: Int) -> Bool { access(box.path(path, on: host), F_OK) == 0 }

    /// Writes a file for `daft put`; returns its path there.
    func source(_ name: String, _ bytes: Data) throws -> String {
        try bytes.write(to: URL(fileURLWithPath: "\(sources)/\(name)"))
        return "\(sources)/\(name)"
    }

    /// A file on a host; empty if it does not exist.
    func bytes(_ path: String, on host: Int) -> Data {
        (try? Data(contentsOf: URL(fileURLWithPath: box.path(path, on: host)), options: .mappedIfSafe)) ?? Data()
    }

    /// A name's bytes in a data server's store.
    func kept(_ name: String, on host: Int) -> Data { bytes(store + name, on: host) }

    /// The line of `ls -n` for a host's data server.
    func line(of host: Int) throws -> String {
        let listed = try daft("ls", "-n")
        return listed.output.split(separator: "\n").first { $0.contains(" n\(host) ") }.map(String.init) ?? "\(listed)"
    }

    /// Limits every link of every host.
    func limit(_ rate: String) throws { for host in 0..<workstations { try box.disturb(host, "rate", rate) } }
}

/// Avoids the costly list of differences that a failed expectation prints.
func isSame(_ bytes: Data, _ others: Data) -> Bool { bytes == others }
