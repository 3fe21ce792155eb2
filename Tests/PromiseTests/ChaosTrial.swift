// One chaos trial: timed clients and faults, then the end of all faults and the final checks. Events are logged with
// their times.

import Foundation
import Glibc
import TestBox
import TestPrograms

final class ChaosTrial {
    let plan: ChaosPlan
    let system: ChaosSystem
    var model = ChaosModel()
    private(set) var counts = Counts()
    private var log: [String] = []
    private var faults: ChaosFaults
    private var clients: [ChaosClient?] = Array(repeating: nil, count: ChaosPlan.clients)
    private var next = Array(repeating: 0, count: ChaosPlan.clients)
    private let began = Date()

    struct Counts {
        var commands = 0
        var failed = 0
        var faults = 0
        var acknowledged = 0
        var longestSeconds = 0.0
        var longest = ""
        var peakBytes = 0
    }

    init(_ box: Box, seed: UInt64) throws {
        plan = ChaosPlan(seed: seed, hosts: ChaosSystem.hosts)
        system = try ChaosSystem(box, plan)
        faults = ChaosFaults(system)
    }

    /// Runs the trial; violations are in the model.
    func run() throws {
        let started = try system.beginStart().wait(seconds: 60)
        guard started.status == 0 else { return model.violate("start: \(started.brief)") }
        try runUnderFaults()
        note("the end of all faults")
        for line in try faults.endAll() { note(line) }
        try finishClients()
        try heal()
        try check()
        counts.acknowledged = model.names.values.count { $0.isAcknowledged }
        try quit()
    }

    func note(_ what: String) {
        log.append(String(format: "%8.3f ", Date().timeIntervalSince(began)) + what)
    }

    // MARK: under faults

    private func runUnderFaults() throws {
        let start = Date()
        var begins = plan.faults[...]
        var ends = plan.faults.sorted { $0.end < $1.end }[...]
        var nextLook = 0.0
        while true {
            let time = Date().timeIntervalSince(start)
            if time >= ChaosPlan.seconds { break }
            // A fault delayed by the previous one still begins before it ends.
            if let fault = begins.first, fault.begin <= time {
                begins.removeFirst()
                note("fault \(fault.kind) n\(fault.host) begins")
                try faults.begin(fault)
                counts.faults += 1
            } else if let fault = ends.first, fault.end <= time {
                ends.removeFirst()
                note("fault \(fault.kind) n\(fault.host) ends")
                try faults.end(fault)
            }
            try moveClients(beginning: true)
            if time >= nextLook {
                lookAtMemory()
                nextLook = time + 0.5
            }
            usleep(10_000)
        }
    }

    private func finishClients() throws {
        while clients.contains(where: { $0 != nil }) {
            try moveClients(beginning: false)
            usleep(10_000)
        }
    }

    private func moveClients(beginning: Bool) throws {
        for slot in clients.indices {
            if let client = clients[slot], let ended = client.ended() {
                finish(client, ended)
                clients[slot] = nil
            }
            guard clients[slot] == nil, beginning, next[slot] < plan.commands[slot].count else { continue }
            let client = try ChaosClient(plan.commands[slot][next[slot]], of: system, plan, &model)
            note("begins  \(client.line)")
            next[slot] += 1
            clients[slot] = client
        }
    }

    private func finish(_ client: ChaosClient, _ ended: Ended) {
        let before = model.violations.count
        client.judge(ended, of: system, &model)
        note("\(ended.status == 0 ? "done  " : "failed") \(client.line)\(ended.status == 0 ? "" : ": \(ended.brief)")")
        for violation in model.violations[before...] { note("VIOLATION \(violation)") }
        counts.commands += 1
        counts.failed += ended.status == 0 ? 0 : 1
        if client.seconds > counts.longestSeconds {
            (counts.longestSeconds, counts.longest) = (client.seconds, client.command.verb.rawValue)
        }
    }

    func lookAtMemory() {
        for node in system.nodes { counts.peakBytes = max(counts.peakBytes, Footprint(of: node).peakBytes) }
    }

    /// Copies the logs of this trial and of every node to a directory.
    func keep(in directory: String) throws {
        try? FileManager.default.removeItem(atPath: directory)
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try log.joined(separator: "\n").write(
            toFile: directory + "/operations.log", atomically: true, encoding: .utf8)
        system.keepLogs(in: directory)
    }
}
