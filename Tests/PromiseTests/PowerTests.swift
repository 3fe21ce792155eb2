// With --durable, everything that a command has reported as done survives a power cut at any moment, and nothing
// incomplete has a name.

import Testing
import TestPrograms

@Suite(.serialized, .enabled(if: PowerDisk.areThere, "needs root, loop devices, mkfs.ext4 and mkfs.xfs"))
struct PowerTests {
    /// One in so many trials is a job under mpirun; the others are whole systems in one process.
    private static let oneUnderMPI: UInt64 = 32

    private static func program(_ seed: UInt64, _ filesystem: PowerDisk.Filesystem, _ verb: PowerTrial.Verb)
        -> PowerFixture.Program
    {
        let verbs = PowerTrial.Verb.allCases
        let number = (verbs.firstIndex(of: verb) ?? 0) + (filesystem == .xfs ? verbs.count : 0)
        return seed % oneUnderMPI == UInt64(number) ? .underMPI : .solo
    }

    @Test(arguments: PowerDisk.Filesystem.allCases, PowerTrial.Verb.allCases)
    func whatADurableSystemAcknowledgedIsThereAfterACut(
        filesystem: PowerDisk.Filesystem, verb: PowerTrial.Verb
    ) throws {
        let count = Trials.count(200, share: 2)
        var pace = PowerTrial.Pace()
        var (inCommands, atStarts, done, broken) = (0, 0, 0, 0)
        for seed in Trials.seed..<Trials.seed + UInt64(count) {
            let program = PowerTests.program(seed, filesystem, verb)
            let outcome = try PowerTrial(filesystem, verb, seed: seed, by: program).run(&pace)
            #expect(outcome.isKept, "\(verb) on \(filesystem), DAFT_SEED=\(seed): \(outcome)")
            broken += outcome.isKept ? 0 : 1
            inCommands += outcome.wasInCommand ? 1 : 0
            atStarts += outcome.wasStarting ? 1 : 0
            done += outcome.done
        }
        Trials.report(
            "acknowledged is kept",
            "\(verb) on \(filesystem): \(count) cuts, \(inCommands) within a command, \(atStarts) within a start; "
                + "\(done) commands acknowledged before; \(broken) cuts broke the promise")
    }

    /// The tests would prove nothing if unsynced data survived cuts.
    @Test(arguments: PowerDisk.Filesystem.allCases)
    func withoutSyncingACutLosesWhatWasAcknowledged(filesystem: PowerDisk.Filesystem) throws {
        let count = Trials.count(40, share: 4)
        var losses = 0
        var pace = PowerTrial.Pace()
        for seed in Trials.seed..<Trials.seed + UInt64(count) {
            let verb = PowerTrial.Verb.allCases[Int(seed % 4)]
            let outcome = try PowerTrial(filesystem, verb, seed: seed, durable: false).run(&pace)
            losses += outcome.lost.isEmpty ? 0 : 1
        }
        #expect(losses > 0)
        Trials.report(
            "acknowledged is kept",
            "without --durable \(losses) of \(count) cuts on \(filesystem) lost something acknowledged")
    }
}
