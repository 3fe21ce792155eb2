// What the administrator's cron line removes of killed jobs, and what it leaves.

import Foundation
import Glibc
import Testing
import TestPrograms

@Suite struct CleaningTests {
    private let place = "/tmp/daft-clean-test-\(UInt64.random(in: 0 ... .max))"
    private let script = URL(filePath: #filePath).appending(path: "../../../slurm/clean-node.sh").standardized.path

    @Test func onlyWhatIsOfAJobThatIsOverAndOfItsUserGoes() throws {
        let files = FileManager.default
        defer { try? files.removeItem(atPath: place) }
        let user = String(cString: getpwuid(getuid()).pointee.pw_name)
        let over = ["daft-\(user)-7", "daft-\(user)-7.mds", "daft-\(user)-7.1", "daft-\(user)-7.12"]
        let staying = [
            "daft-\(user)-123", "daft-\(user)-123.mds", "daft-\(user)-123.1", "daft-\(user)", "daft-\(user).mds",
            "daft-somebody-7", "daft-\(user)-8-7", "daft-\(user)-warm", "daft-\(user)-7x", "other-\(user)-7",
        ]
        for name in over + staying {
            try files.createDirectory(atPath: "\(place)/tmp/\(name)/d", withIntermediateDirectories: true)
        }
        try files.createSymbolicLink(atPath: "\(place)/tmp/daft-\(user)-9", withDestinationPath: "daft-\(user)-123")
        #expect(try run(queue: "exit 1") != 0)
        #expect(try names().count == over.count + staying.count + 1, "Slurm did not answer")
        #expect(try run(queue: "echo 12; echo 123") == 0)
        #expect(try names() == Set(staying + ["daft-\(user)-9"]))
    }

    private func names() throws -> Set<String> {
        Set(try FileManager.default.contentsOfDirectory(atPath: place + "/tmp"))
    }

    /// The script's exit status if squeue is replaced by `queue`.
    private func run(queue: String) throws -> Int32 {
        try "#!/bin/sh\n\(queue)\n".write(toFile: place + "/squeue", atomically: false, encoding: .utf8)
        chmod(place + "/squeue", 0o755)
        let running = try Running(
            script, [place + "/tmp"], in: place, variables: ["PATH=\(place):/usr/bin:/bin"], input: "/dev/null",
            output: place + "/out", errors: place + "/err")
        return running.wait().status
    }
}
