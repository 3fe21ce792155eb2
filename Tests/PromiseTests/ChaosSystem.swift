// The system of a chaos trial: a box's hosts, a small filesystem per store and catalogue, files to publish, and real
// `daft` clients on every host. Removed with this object.

import Foundation
import Glibc
import TestBox
import TestDisk
import TestPrograms

final class ChaosSystem {
    static let hosts = 5
    static let dataServers = 1..<hosts
    /// Fits all that a trial publishes, so a disk is full only through a fault.
    private static let diskSize = "160m"
    private static let rate = "100mbit"

    let box: Box
    let store: String
    /// Shared by all hosts and this process: sources, and files that clients write.
    let folder: String
    private var serial = 0

    init(_ box: Box, _ plan: ChaosPlan) throws {
        self.box = box
        try box.settle()
        let name = "chaos-\(plan.seed)-\(UInt64.random(in: 0 ... .max))"
        store = "/scratch/\(name)"
        folder = "\(box.common)/\(name)"
        try FileManager.default.createDirectory(atPath: folder + "/got", withIntermediateDirectories: true)
        for subject in plan.subjects {
            for variant in 0..<ChaosSubject.variants { try writeSource(subject, variant, seed: plan.seed) }
        }
        for host in 0..<ChaosSystem.hosts {
            let place = disk(of: host)
            let line = "mkdir -p \(place) && mount -t tmpfs -o mode=0700,size=\(ChaosSystem.diskSize) chaos \(place)"
            let ended = try box.shell(line, on: host)
            if ended.status != 0 { throw NoBox(program: "mount", reason: ended.errors) }
            try box.disturb(host, "rate", ChaosSystem.rate)
        }
        try "n[1-\(ChaosSystem.hosts - 1)]".write(toFile: folder + "/hosts", atomically: true, encoding: .utf8)
    }

    deinit {
        for host in 0..<ChaosSystem.hosts {
            for node in nodes(on: host) { kill(node, SIGKILL) }
            _ = try? box.shell("cd /; umount -l \(disk(of: host)); rm -rf \(store) \(store).mds", on: host)
        }
        try? box.settle()
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Host 0 has the catalogue, each other host a store.
    func disk(of host: Int) -> String { host == 0 ? store + ".mds" : store }

    // MARK: sources

    func source(_ subject: ChaosSubject, _ variant: Int) -> String { "\(folder)/v\(variant)\(subject.name)" }

    private func writeSource(_ subject: ChaosSubject, _ variant: Int, seed: UInt64) throws {
        let root = "\(folder)/v\(variant)"
        let holder = subject.isTree ? root + subject.name : root
        try FileManager.default.createDirectory(atPath: holder, withIntermediateDirectories: true)
        for (index, file) in subject.files.enumerated() {
            let number = subject.bytesNumber(index, variant: variant)
            // All contents of a name differ, also of an empty file.
            let bytes = drawnBytes(file.size + variant, Sequence64(seed &* 7_919 &+ UInt64(number)))
            try bytes.write(to: URL(fileURLWithPath: root + file.name))
        }
    }

    /// Which content of the name these bytes are.
    func variant(of bytes: Data, _ name: String) -> Int? {
        (0..<ChaosSubject.variants).first { variant in
            (try? Data(contentsOf: URL(fileURLWithPath: "\(folder)/v\(variant)\(name)"))) == bytes
        }
    }

    // MARK: commands

    /// A path for one client's output.
    func place() -> String {
        serial += 1
        return "\(folder)/got/\(serial)"
    }

    func begin(_ words: [String], on host: Int, output: String? = nil) throws -> Running {
        let daft = ["\(box.common)/daft", "--store", store] + words
        guard let output else { return try box.start(daft, on: host) }
        return try box.start(["bash", "-c", #"file=$1; shift; exec "$@" >"$file""#, "bash", output] + daft, on: host)
    }

    func daft(_ words: String..., on host: Int = 0, seconds: Double = 60) throws -> Ended {
        try begin(words, on: host).wait(seconds: seconds)
    }

    /// Starts what is not running: first everything, later killed processes.
    func beginStart() throws -> Running {
        let options = ["--launch-timeout", "5s", "--orphan-timeout", "10m", "--repair-after", "6s"]
        return try begin(["--chunk-size", "64K", "start", folder + "/hosts"] + options, on: 0)
    }

    // MARK: queries

    func nodes(on host: Int) -> [pid_t] { box.processes("daft-node", on: host) }

    var nodes: [pid_t] { (0..<ChaosSystem.hosts).flatMap(nodes(on:)) }

    /// The path of a host's file from here.
    func path(_ path: String, on host: Int) -> String { box.path(path, on: host) }

    func kept(_ name: String, on host: Int) -> Data? {
        try? Data(contentsOf: URL(fileURLWithPath: path(store + name, on: host)))
    }

    /// Copies the log of every node.
    func keepLogs(in directory: String) {
        for host in 0..<ChaosSystem.hosts {
            let log = host == 0 ? store + ".mds/log" : store + "/.daft/log"
            try? FileManager.default.copyItem(atPath: path(log, on: host), toPath: "\(directory)/n\(host).log")
        }
    }
}

/// Bytes determined by the sequence.
private func drawnBytes(_ count: Int, _ sequence: Sequence64) -> Data {
    var sequence = sequence
    let words = (0..<(count + 7) / 8).map { _ in sequence.next() }
    return words.withUnsafeBytes { Data($0) }.prefix(count)
}
