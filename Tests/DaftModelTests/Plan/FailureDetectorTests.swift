// The failure detector with given times.

import DaftModel
import DaftPlan
import Testing

@Suite struct FailureDetectorTests {
    private let rank = Rank(3)

    /// The rank's status at each second, if it is heard at those seconds.
    private func statuses(heardAt: Set<UInt64>, until end: UInt64) -> [String] {
        var detector = FailureDetector()
        detector.watch(rank, atMilliseconds: 0)
        var seen: [String] = []
        for second in 1...end {
            if heardAt.contains(second), detector.noteMessage(from: rank, atMilliseconds: second * 1_000) {
                seen.append("\(second) back")
            }
            for change in detector.check(atMilliseconds: second * 1_000) { seen.append("\(second) \(change.status)") }
        }
        return seen
    }

    @Test func whoIsHeardIsThere() {
        #expect(statuses(heardAt: Set(1...30), until: 30).isEmpty)
    }

    @Test func silenceIsSuspectedAfterThreeSecondsAndGivenUpAfterTen() {
        #expect(statuses(heardAt: [2], until: 20) == ["5 suspected", "12 gone"])
    }

    @Test func aPauseOfFiveSecondsIsSurvived() {
        #expect(statuses(heardAt: [1, 2, 7, 8], until: 9) == ["5 suspected"])
    }

    @Test func whoIsHeardAgainIsBack() {
        #expect(statuses(heardAt: [14], until: 16) == ["3 suspected", "10 gone", "14 back"])
    }

    @Test func ownStandstillIsNobodysSilence() {
        var detector = FailureDetector()
        detector.watch(rank, atMilliseconds: 0)
        let changes = [1_000, 60_000, 61_000].flatMap { detector.check(atMilliseconds: $0) }
        #expect(changes.isEmpty)
        #expect(detector.status(of: rank) == .alive)
    }

    @Test func nobodyIsExpectedOfWhomNothingIsWanted() {
        var detector = FailureDetector()
        detector.watch(rank, atMilliseconds: 0)
        detector.unwatch(rank)
        let changes = detector.check(atMilliseconds: 1_000)
        #expect(changes.isEmpty && detector.status(of: rank) == nil)
        let isBack = detector.noteMessage(from: rank, atMilliseconds: 1_500)
        #expect(!isBack)
    }
}
