// A real OAR on the box: its server on the first host, the others as nodes. Jobs are submitted as by users and watched
// until they end.

import Foundation
import Glibc
import TestBox
import Testing
import TestPrograms

/// Why OAR is not available; downloads its packages if necessary.
let oarObstacle: String? = {
    let obstacle = Box.obstacle(for: "SchedulerTests of OAR", alsoNeeded: ["/usr/bin/pg_createcluster", "/usr/bin/ps"])
    if let obstacle { return obstacle }
    guard let reason = Box.failure(of: "oar-up.sh", ["fetch"]) else { return nil }
    FileHandle.standardError.write(Data("SchedulerTests of OAR are skipped: \(reason)\n".utf8))
    return reason
}()

/// Created by the first test that needs it.
let oarBox = Result {
    let box = try clusterBox.get()
    try box.run("oar-up.sh", seconds: 180)
    for host in 0..<clusterHosts { try box.shell("ln -s \(box.common)/daft-run /usr/local/bin", on: host) }
    return box
}

final class OAR {
    let box: Box
    let desk: Desk
    private var jobs: [String] = []

    init() throws {
        box = try oarBox.get()
        try box.settle()
        desk = try Desk(box)
    }

    deinit {
        for job in jobs where !hasEnded(job) { _ = try? desk.run("oardel", job) }
        _ = soon { jobs.allSatisfy(hasEnded) }
        for host in 0..<clusterHosts { _ = try? box.shell("rm -rf /tmp/daft-\(Account.name)* /tmp/ompi*", on: host) }
    }

    /// `oarsub -l nodes=NODES -S "SCRIPT WORDS"`; returns the job's number. OAR has a shell parse the words again.
    func submit(_ script: String, nodes: Int, _ words: [String]) throws -> String {
        try submit(nodes, ["-S"], "", script, words)
    }

    /// With a signal to the script shortly before the end.
    func submitToBeTold(_ script: String, nodes: Int, _ words: [String]) throws -> String {
        try submit(nodes, ["-n", "stage", "--checkpoint", "1", "--signal", "15"], "exec ", script, words)
    }

    private func submit(
        _ nodes: Int, _ options: [String], _ prefix: String, _ script: String, _ words: [String]
    ) throws -> String {
        let quoted = words.map { "'" + $0.replacingOccurrences(of: "'", with: #"'\''"#) + "'" }
        let line = prefix + ([try desk.script("jobs/" + script)] + quoted).joined(separator: " ")
        // OAR takes the working directory from the variable.
        let oarsub = ["env", "PWD=\(desk.place)", "oarsub", "-l", "nodes=\(nodes),walltime=0:10:0"]
        let submitted = try desk.start(oarsub + options + [line]).wait()
        let job = submitted.output.split(separator: "\n").first { $0.hasPrefix("OAR_JOB_ID=") }?.dropFirst(11)
        try #require(job?.isEmpty == false, "\(submitted)")
        jobs.append(String(job ?? ""))
        return jobs[jobs.count - 1]
    }

    /// Waits until it has ended.
    func end(of job: String, withinSeconds limit: Double = 30) -> BatchEnd {
        if !soon(seconds: limit, { hasEnded(job) }) { Issue.record("job \(job) has not ended within \(limit) s") }
        let status = field("exit_code", of: job).flatMap { Int32($0.prefix { $0 != " " }) } ?? -1
        return BatchEnd(
            job: job, state: state(of: job), status: status >> 8,
            log: desk.text("OAR.stage.\(job).stdout") + desk.text("OAR.stage.\(job).stderr"))
    }

    func state(of job: String) -> String { field("state", of: job) ?? "" }

    /// Polling oarstat would take processor time from the job.
    private func hasEnded(_ job: String) -> Bool {
        usleep(200_000)
        return ["Terminated", "Error"].contains(state(of: job))
    }

    /// A field as shown by `oarstat -f`: `    state = Running`.
    private func field(_ name: String, of job: String) -> String? {
        let shown = (try? desk.run("oarstat", "-f", "-j", job))?.output ?? ""
        return shown.split(separator: "\n").first { $0.hasPrefix("    \(name) = ") }.map {
            String($0.dropFirst(name.count + 7))
        }
    }
}

extension Desk {
    /// Files and processes that the account left on the hosts, one per line.
    var leftOvers: [String] {
        get throws {
            try (0..<clusterHosts).map { host in
                try box.shell("ls -d /tmp/daft-\(Account.name)* 2>/dev/null", on: host).output + processes(on: host)
            }
        }
    }

    func processes(on host: Int) throws -> String {
        try box.shell("ps -u \(Account.name) -o args=", on: host).output
    }
}
