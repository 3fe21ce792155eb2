// Concurrent clients of five hosts while nodes are killed and frozen, links cut and disks filled; results are checked
// against a model. See docs/simulation.md.

import Foundation
import Glibc
import TestBox
import Testing
import TestPrograms

private let obstacle = Box.obstacle(for: "ChaosTests")

@Suite(.serialized, .enabled(if: obstacle == nil, "needs root and what tools/setup.sh lists"))
struct ChaosTests {
    /// For all trials together; a started trial is finished.
    private static let seconds =
        getenv("DAFT_CHAOS_SECONDS").flatMap { Double(String(cString: $0)) } ?? (Trials.areAll ? 1_800 : 1)
    /// Directory for the logs of all trials, not only failed ones.
    private static let logs = getenv("DAFT_CHAOS_LOGS").map { String(cString: $0) }

    @Test func whatIsAcknowledgedUnderFaultsIsKeptAndTheSystemHeals() throws {
        let box = try Box(hosts: ChaosSystem.hosts, network: "10.76.0", programs: ["daft"])
        let start = Date()
        var (seed, trials, total) = (Trials.seed, 0, ChaosTrial.Counts())
        repeat {
            let trial = try ChaosTrial(box, seed: seed)
            try trial.run()
            let kept = "\(ChaosTests.logs ?? ChaosTests.place)/\(seed)"
            if ChaosTests.logs != nil || !trial.model.violations.isEmpty { try trial.keep(in: kept) }
            if !trial.model.violations.isEmpty {
                Issue.record("DAFT_SEED=\(seed): \(trial.model.violations.joined(separator: "\n"))\nthe logs: \(kept)")
            }
            total.add(trial.counts)
            (seed, trials) = (seed + 1, trials + 1)
        } while Date().timeIntervalSince(start) < ChaosTests.seconds
        Trials.report("chaos", "\(trials) trials in \(Int(Date().timeIntervalSince(start))) s: \(total)")
    }

    @Test func theSameSeedPlansTheSameTrial() {
        let plans = (0..<2).map { _ in ChaosPlan(seed: 5, hosts: ChaosSystem.hosts) }
        #expect("\(plans[0].commands) \(plans[0].faults)" == "\(plans[1].commands) \(plans[1].faults)")
        let other = ChaosPlan(seed: 6, hosts: ChaosSystem.hosts)
        #expect("\(plans[0].commands)" != "\(other.commands)" && "\(plans[0].faults)" != "\(other.faults)")
    }

    @Test func everyFaultBeginsAndEndsWithinItsTrial() {
        for seed in UInt64(1)...50 {
            for fault in ChaosPlan(seed: seed, hosts: ChaosSystem.hosts).faults {
                #expect(fault.begin < fault.end && fault.end <= ChaosPlan.seconds, "seed \(seed): \(fault)")
            }
        }
    }

    /// Beside the built programs, which are not committed.
    private static var place: String {
        URL(fileURLWithPath: builtProgram("daft")).deletingLastPathComponent().path + "/chaos"
    }
}

extension ChaosTrial.Counts: CustomStringConvertible {
    var description: String {
        "\(commands) commands, \(failed) of which failed, under \(faults) faults; \(acknowledged) names acknowledged; "
            + "the longest command \(Int(longestSeconds)) s (\(longest)), at most \(peakBytes >> 20) MiB of memory"
    }

    fileprivate mutating func add(_ other: ChaosTrial.Counts) {
        commands += other.commands
        failed += other.failed
        faults += other.faults
        acknowledged += other.acknowledged
        if other.longestSeconds > longestSeconds { (longestSeconds, longest) = (other.longestSeconds, other.longest) }
        peakBytes = max(peakBytes, other.peakBytes)
    }
}
