// A real Slurm over the box: scripts are submitted as a user does, and looked at until they have ended.

import Foundation
import Glibc
import TestBox
import TestPrograms
import Testing

/// Why there can be none.
let slurmObstacle = Box.obstacle(
    for: "SchedulerTests of Slurm",
    alsoNeeded: ["/usr/sbin/slurmctld", "/usr/sbin/slurmd", "/usr/sbin/munged", "/usr/bin/sbatch", "/usr/bin/srun"])

/// Made when the first test needs it.
let slurmBox = Result {
    let box = try clusterBox.get()
    try box.run("slurm-up.sh")
    return box
}

/// What a job came to.
struct BatchEnd: CustomStringConvertible {
    let state: String
    let status: Int32
    let log: String

    var description: String { "\(state), status \(status)\n\(log)" }

    func contains(_ text: String) -> Bool { log.contains(text) }
}

final class Slurm {
    let box: Box
    let desk: Desk
    private var jobs: [String] = []

    init() throws {
        box = try slurmBox.get()
        desk = try Desk(box)
    }

    deinit {
        for job in jobs where isThere(job) { _ = try? box.shell("scancel \(job)", on: 0) }
        _ = soon { !jobs.contains(where: isThere) }
        for host in 0..<clusterHosts { _ = try? box.shell("rm -rf /tmp/daft-\(Account.name)*", on: host) }
    }

    /// `sbatch OPTIONS SCRIPT WORDS`; the job's number.
    func submit(_ script: String, _ options: [String], _ words: [String]) throws -> String {
        let line = ["sbatch", "--parsable", "--output=log-%j"] + options + [try desk.script("slurm/" + script)]
        let submitted = try desk.start(line + words).wait()
        let job = submitted.output.trimmingCharacters(in: .whitespacesAndNewlines)
        try #require(submitted.status == 0 && !job.isEmpty, "\(submitted)")
        jobs.append(job)
        return job
    }

    /// Until it has ended.
    func end(of job: String, withinSeconds limit: Double = 30) -> BatchEnd {
        if !soon(seconds: limit, { !isThere(job) }) { Issue.record("job \(job) has not ended within \(limit) s") }
        let words = fields(of: job)
        let code = words["ExitCode"]?.split(separator: ":").compactMap { Int32($0) } ?? []
        return BatchEnd(state: words["JobState"] ?? "", status: code.first ?? -1, log: desk.text("log-" + job))
    }

    func run(_ script: String, _ options: [String], _ words: String...) throws -> BatchEnd {
        end(of: try submit(script, options, words))
    }

    /// Whether it waits, runs or is about to end.
    private func isThere(_ job: String) -> Bool {
        ["PENDING", "RUNNING", "COMPLETING", "REQUEUED", "SUSPENDED"].contains(state(of: job))
    }

    func state(of job: String) -> String { fields(of: job)["JobState"] ?? "" }

    private func fields(of job: String) -> [String: String] {
        let shown = (try? box.shell("scontrol --oneliner show job \(job)", on: 0))?.output ?? ""
        let pairs = shown.split(separator: " ").map { $0.split(separator: "=", maxSplits: 1).map(String.init) }
        return Dictionary(pairs.filter { $0.count == 2 }.map { ($0[0], $0[1]) }) { first, _ in first }
    }

    // MARK: what is left

    /// Files and processes that jobs of the account have left on a host, one a line.
    func leftOvers(on host: Int) throws -> String {
        let files = try box.shell(
            "ls -d /tmp/daft-\(Account.name)* /tmp/ompi* /tmp/*pmix* /dev/shm/* 2>/dev/null", on: host
        ).output
        return files + (try box.shell("ps -u \(Account.name) -o args=", on: host).output)
    }

    var leftOvers: [String] {
        get throws { try (0..<clusterHosts).map(leftOvers(on:)) }
    }
}
