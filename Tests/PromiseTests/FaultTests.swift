// Kills at every system call, and a failure of each: the program ends with a status and a reason, the same command run
// again completes, and unsynced data never counts as durable.

import Foundation
import Glibc
import TestDisk
import Testing
import TestPrograms

/// One faulty call and its consequences.
struct FaultTrial {
    let scene: FaultScene
    let verb: FaultVerb
    let fault: Fault
    let below: String

    /// What is wrong; nil if there is no call of this number.
    func run(at position: Int) throws -> [String]? {
        var wrong = try scene.prepare(verb)
        try scene.calls.arm(fault, at: position)
        let first = try scene.run(scene.words(verb), failing: below)
        guard let hit = try scene.calls.hit() else { return nil }
        wrong += end(first, hit)
        if first.status == 0 {
            wrong += scene.differences(verb).map { "status 0, and " + $0 }
        } else if verb != .verify {
            wrong += scene.halfWritten(verb)
        }
        // No more faults, but syncs are still observed.
        try scene.calls.arm(fault, at: 0)
        let again = try scene.run(scene.words(verb), failing: scene.disk)
        // If verify was hit, the next start misses what it had removed, and restores it.
        let isMissed =
            verb == .verify
            && again.errors.components(separatedBy: "\n").allSatisfy {
                $0.isEmpty || $0.hasSuffix("no longer kept there")
            }
        if again.status != 0 || again.errors.contains("warning") && !isMissed { wrong.append("again: \(again)") }
        wrong += scene.differences(verb).map { "after running it again " + $0 }
        let verified = try scene.run(["verify"])
        let isClean = verified.output.components(separatedBy: "0 corrupt chunks, 0 repaired").count == 3
        if verified.status != 0 || !isClean { wrong.append("verify: \(verified)") }
        wrong += scene.leftOvers()
        return wrong.map { "\(verb.rawValue), \(fault) at call \(position), \(hit): \($0); first: \(first)" }
    }

    /// The number of calls that can be hit.
    func count() throws -> Int {
        _ = try scene.prepare(verb)
        try scene.calls.arm(fault, at: 0)
        _ = try scene.run(scene.words(verb), failing: below)
        return try scene.calls.count()
    }

    /// What is wrong with the end of the faulty command.
    func end(_ ended: Ended, _ hit: FaultyCalls.Hit) -> [String] {
        if ended.errors.hasPrefix("KILLED: ") { return ["it hangs"] }
        if fault.isHarmless { return ended.status == 0 ? [] : ["it was not survived"] }
        if fault == .kill {
            let isKilled = ended.status == -SIGKILL || scene.shape == .processes && ended.status != 0
            return isKilled ? [] : ["it was not killed"]
        }
        if ended.status == 0 { return [] }
        var wrong = ended.status < 0 ? ["it crashed"] : []
        let reasons = fault.reasons + (hit.hidesReason ? ["disk I/O error", "readonly", "unable to open"] : [])
        if !reasons.contains(where: ended.errors.localizedCaseInsensitiveContains) {
            wrong.append("no reason is given")
        }
        if !ended.errors.contains("/") { wrong.append("no path is named") }
        return wrong
    }
}

@Suite(.serialized, .enabled(if: FaultyCalls.areAvailable, "needs a compiler of C"))
struct FaultTests {
    /// Positions tested by `make test`, per verb and fault and per verb, role and kill.
    private static let share = 2
    private static let processShare = 1
    /// Under mpirun a trial takes seconds: test every n-th position, from a seed-dependent first one.
    private static let processStride = 4

    @Test(arguments: FaultVerb.allCases)
    func aCallThatFailsIsNamedAndTheSameCommandThenCompletes(_ verb: FaultVerb) throws {
        let scene = try FaultScene(.oneProcess)
        var (tried, all) = (0, 0)
        for fault in Fault.allCases {
            let trial = FaultTrial(scene: scene, verb: verb, fault: fault, below: scene.disk)
            let count = try trial.count()
            try #require(count > 0, "the calls are not seen")
            all += count
            tried += try hit(trial, among: count, share: FaultTests.share, stride: 1)
        }
        Trials.report("faults", "\(verb.rawValue): \(tried) of some \(all) calls hit, all in one process")
    }

    @Test(arguments: FaultVerb.allCases)
    func aRankThatIsKilledAtAnyCallLeavesWhatTheSameCommandCompletes(_ verb: FaultVerb) throws {
        let scene = try FaultScene(.processes)
        let (all, index) = (FaultRole.all(of: verb), FaultVerb.allCases.firstIndex(of: verb) ?? 0)
        let roles = Trials.areAll ? all : [all[(Int(Trials.seed % 1_000) + index) % all.count]]
        var tried = 0
        for role in roles {
            let trial = FaultTrial(scene: scene, verb: verb, fault: .kill, below: scene.directory(of: role))
            let count = try trial.count()
            try #require(count > 0, "the calls are not seen")
            tried += try hit(trial, among: count, share: FaultTests.processShare, stride: FaultTests.processStride)
        }
        let names = roles.map(\.rawValue).joined(separator: ", ")
        Trials.report("faults", "\(verb.rawValue): \(tried) times a rank was killed under mpirun: \(names)")
    }

    /// Hits some calls, or all until there are no more; returns the number.
    private func hit(_ trial: FaultTrial, among count: Int, share: Int, stride step: Int) throws -> Int {
        var tried = 0
        for position in positions(among: count, share: share, stride: step) {
            guard let wrong = try trial.run(at: position) else {
                if Trials.areAll { break }
                continue
            }
            tried += 1
            for one in wrong { Issue.record("\(one)") }
        }
        return tried
    }

    private func positions(among count: Int, share: Int, stride step: Int) -> [Int] {
        var random = Sequence64(Trials.seed)
        let first = 1 + Int(Trials.seed % UInt64(step))
        // With another thread order there may be more calls.
        if Trials.areAll { return Array(stride(from: first, through: 2 * count, by: step)) }
        return (0..<share).map { _ in Int.random(in: 1...max(1, count), using: &random) }
    }
}
