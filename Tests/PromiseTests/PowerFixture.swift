// The setup of a power cut: two stores, a catalogue and a target, some on the disk to be cut, and the programs run on
// them.

import Foundation
import Glibc
import TestDisk
import TestPrograms

final class PowerFixture {
    enum Part: String, CaseIterable, Sendable {
        case first = "st"
        case second = "st.1"
        case catalogue = "mds"
        case target = "out"
    }

    enum Program: Sendable {
        case solo, underMPI

        /// The words before the common arguments.
        fileprivate var words: [String] {
            switch self {
            case .solo: [builtProgram("daft-solo"), "-np", "2"]
            case .underMPI:
                ["/usr/bin/mpirun", "--oversubscribe", "--bind-to", "none", "-np", "3", builtProgram("daft-run")]
            }
        }
    }

    /// A program executing a job file, with its JSON output.
    struct Job {
        let process: Running
        let output: String

        /// The job's first line is done, so its system runs.
        var hasStarted: Bool { rows.contains { $0["type"] as? String == "status" } }

        /// The trees reported as done; the command of tree N is line N + 2 of the job file.
        var done: [(tree: Int, milliseconds: Int)] {
            let all = rows
            let failed = Set(all.compactMap { $0["line"] as? String }.compactMap { $0.split(separator: ":").last })
            return all.compactMap { row in
                guard let names = row["names"] as? [String], let tree = names.first.flatMap({ Int($0.dropFirst(2)) }),
                    names[0].hasPrefix("/t"), !failed.contains("\(tree + 2)")
                else { return nil }
                return (tree, row["milliseconds"] as? Int ?? 0)
            }
        }

        /// The last line may be incomplete.
        private var rows: [[String: Any]] {
            guard let bytes = FileManager.default.contents(atPath: output), let end = bytes.lastIndex(of: 0x0a) else {
                return []
            }
            return bytes[..<end].split(separator: 0x0a)
                .compactMap { try? JSONSerialization.jsonObject(with: $0) as? [String: Any] }
        }
    }

    let disk: PowerDisk
    let folder: String
    private let base: String
    private let chunkSize: String
    private var jobs = 0

    /// `parts` are on the disk to be cut, the others on another.
    init(_ filesystem: PowerDisk.Filesystem, _ parts: Set<Part>, chunkSize: String) throws {
        disk = try PowerDisk(filesystem)
        folder = PowerDisk.memory + "/daft-power-\(UInt64.random(in: 0 ... .max))"
        self.chunkSize = chunkSize
        let areAll = parts.count == Part.allCases.count
        base = areAll ? disk.path : folder + "/steady"
        for directory in ["", "/steady"] {
            try FileManager.default.createDirectory(atPath: folder + directory, withIntermediateDirectories: true)
        }
        for part in areAll ? [] : parts {
            try FileManager.default.createDirectory(
                atPath: "\(disk.path)/\(part.rawValue)", withIntermediateDirectories: true)
            symlink("\(disk.path)/\(part.rawValue)", self[part])
        }
        try FileManager.default.createDirectory(atPath: self[.target], withIntermediateDirectories: true)
        try disk.sync()
        try Data("another boot\n".utf8).write(to: URL(fileURLWithPath: folder + "/boot"))
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    subscript(part: Part) -> String { base + "/" + part.rawValue }

    /// Runs `status`, then these lines, one per tree. `rebooted`: with another boot id than before.
    func start(_ lines: [String], by program: Program, durable: Bool = true, rebooted: Bool = false) throws -> Job {
        jobs += 1
        let name = "\(folder)/\(jobs)"
        try Data((["status"] + lines).map { $0 + "\n" }.joined().utf8).write(to: URL(fileURLWithPath: name + ".job"))
        let words =
            (rebooted ? PowerFixture.anotherBoot + [folder + "/boot"] : []) + program.words
            + ["--json", "--chunk-size", chunkSize, "--store", self[.first], "--catalogue", self[.catalogue]]
            + (durable ? ["--durable"] : []) + ["-f", name + ".job"]
        let process = try Running(
            words[0], Array(words[1...]), in: folder,
            variables: [
                "HOME=\(folder)", "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1",
                "OMPI_MCA_btl_vader_backing_directory=\(folder)", "OMPI_MCA_orte_tmpdir_base=\(folder)",
            ],
            input: "/dev/null", output: name + ".out", errors: name + ".err")
        return Job(process: process, output: name + ".out")
    }

    /// Gives a process another boot id, in its own mount namespace.
    private static let anotherBoot = [
        "/usr/bin/unshare", "--mount", "sh", "-c",
        "mount --bind \"$0\" /proc/sys/kernel/random/boot_id && exec \"$@\"",
    ]
}
