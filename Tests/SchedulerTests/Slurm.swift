// A real Slurm on the box: scripts are submitted as by users and watched until they end.

import Foundation
import Glibc
import TestBox
import Testing
import TestPrograms

/// Why Slurm is not available.
let slurmObstacle = Box.obstacle(
    for: "SchedulerTests of Slurm",
    alsoNeeded: [
        "/usr/sbin/slurmctld", "/usr/sbin/slurmd", "/usr/sbin/munged", "/usr/bin/sbatch", "/usr/bin/srun",
        "/usr/bin/ps",
    ])

/// Created by the first test that needs it.
let slurmBox = Result {
    let box = try clusterBox.get()
    // Two processors per host, so that two jobs can share one.
    try box.run("slurm-up.sh", ["2"])
    return box
}

/// The result of a job.
struct BatchEnd: CustomStringConvertible {
    let job: String
    let state: String
    let status: Int32
    let log: String

    var description: String { "\(state), status \(status)\n\(log)" }

    /// Bytes moved by each daft command, in order of their ends; the job has `DAFT_JSON=1`.
    var moved: [Int] {
        log.split(separator: "\n").compactMap { line in
            let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            return object?["moved"] as? Int
        }
    }
}

final class Slurm {
    let box: Box
    let desk: Desk
    /// Of the submitting shell.
    var variables: [String] = []
    private var jobs: [String] = []

    init() throws {
        box = try slurmBox.get()
        try box.settle()
        // Leftovers of mpirun processes killed by other suites.
        for host in 0..<clusterHosts { try box.shell("rm -rf /tmp/ompi* /dev/shm/*", on: host) }
        desk = try Desk(box)
    }

    deinit {
        for job in jobs where isThere(job) { _ = try? box.shell("scancel \(job)", on: 0) }
        _ = soon { !jobs.contains(where: isThere) }
        try? box.settle()
        for host in 0..<clusterHosts { _ = try? box.shell("rm -rf /tmp/daft-\(Account.name)* \(warm)", on: host) }
    }

    /// A directory that stays on the hosts between jobs.
    let warm = "/tmp/warm"

    /// `sbatch OPTIONS SCRIPT WORDS`; returns the job's number.
    func submit(_ script: String, _ options: [String], _ words: [String]) throws -> String {
        let line = ["sbatch", "--parsable", "--output=log-%j"] + options + [try desk.script("slurm/" + script)]
        let submitted = try desk.start(["env"] + variables + line + words).wait()
        let job = submitted.output.trimmingCharacters(in: .whitespacesAndNewlines)
        try #require(submitted.status == 0 && !job.isEmpty, "\(submitted)")
        jobs.append(job)
        return job
    }

    /// Waits until it has ended.
    func end(of job: String, withinSeconds limit: Double = 30) -> BatchEnd {
        if !soon(seconds: limit, { !isThere(job) }) { Issue.record("job \(job) has not ended within \(limit) s") }
        let words = fields(of: job)
        let code = words["ExitCode"]?.split(separator: ":").compactMap { Int32($0) } ?? []
        return BatchEnd(
            job: job, state: words["JobState"] ?? "", status: code.first ?? -1, log: desk.text("log-" + job))
    }

    func run(_ script: String, _ options: [String], _ words: String...) throws -> BatchEnd {
        end(of: try submit(script, options, words))
    }

    /// Whether it is pending, running or completing.
    private func isThere(_ job: String) -> Bool {
        ["PENDING", "RUNNING", "COMPLETING", "REQUEUED", "SUSPENDED"].contains(state(of: job))
    }

    /// Limits every link of every host.
    func limit(_ rate: String) throws { for host in 0..<clusterHosts { try box.disturb(host, "rate", rate) } }

    func state(of job: String) -> String { fields(of: job)["JobState"] ?? "" }

    private func fields(of job: String) -> [String: String] {
        let shown = (try? box.shell("scontrol --oneliner show job \(job)", on: 0))?.output ?? ""
        let pairs = shown.split(separator: " ").map { $0.split(separator: "=", maxSplits: 1).map(String.init) }
        return Dictionary(pairs.filter { $0.count == 2 }.map { ($0[0], $0[1]) }) { first, _ in first }
    }

    // MARK: leftovers

    /// Files and processes that jobs of the account left on a host, one per line.
    func leftOvers(on host: Int) throws -> String {
        let files = try box.shell(
            "ls -d /tmp/daft-\(Account.name)* /tmp/ompi* /tmp/*pmix* /dev/shm/* 2>/dev/null", on: host
        ).output
        return files + (try processes(on: host))
    }

    func processes(on host: Int) throws -> String { try box.shell("ps -u \(Account.name) -o args=", on: host).output }

    var leftOvers: [String] {
        get throws { try (0..<clusterHosts).map(leftOvers(on:)) }
    }
}
