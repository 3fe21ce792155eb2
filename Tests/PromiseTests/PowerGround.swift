// Where a cut takes place: two stores, a catalogue and a target, some of them on the disk whose power is cut, and the
// programs that are run over them.

import Foundation
import Glibc
import TestDisk
import TestPrograms

final class PowerGround {
    enum Part: String, CaseIterable, Sendable {
        case first = "st"
        case second = "st.1"
        case catalogue = "mds"
        case target = "out"
    }

    enum Program: Sendable {
        case solo, underMPI

        /// The words before those that all programs understand.
        fileprivate var words: [String] {
            switch self {
            case .solo: [builtProgram("daft-solo"), "-np", "2"]
            case .underMPI:
                ["/usr/bin/mpirun", "--oversubscribe", "--bind-to", "none", "-np", "3", builtProgram("daft-run")]
            }
        }
    }

    /// A program at work on the lines of a job file, and the objects that it prints.
    struct Job {
        let process: Running
        let output: String

        /// The first line has been done, by which a job says that its system is there.
        var hasStarted: Bool { rows.contains { $0["type"] as? String == "status" } }

        /// The trees of which the output says that they are done; a tree's line is its number and two more.
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

        /// The last line may not be there in full yet.
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

    /// `parts` lie on the disk whose power is cut, the others on one that goes on.
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

    /// Runs `status`, and then these lines, one for each tree. `rebooted`: it finds another run of the kernel than the
    /// one before.
    func start(_ lines: [String], by program: Program, durable: Bool = true, rebooted: Bool = false) throws -> Job {
        jobs += 1
        let name = "\(folder)/\(jobs)"
        try Data((["status"] + lines).map { $0 + "\n" }.joined().utf8).write(to: URL(fileURLWithPath: name + ".job"))
        let words =
            (rebooted ? PowerGround.anotherBoot + [folder + "/boot"] : []) + program.words
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

    /// A process that sees another id of the running kernel, in a name space of mounts of its own.
    private static let anotherBoot = [
        "/usr/bin/unshare", "--mount", "sh", "-c",
        "mount --bind \"$0\" /proc/sys/kernel/random/boot_id && exec \"$@\"",
    ]
}
