// How many trials of a long test run.

import Testing
import TestPrograms

@Suite struct TrialsTests {
    @Test func aShareIsNeverMoreThanAll() {
        #expect(Trials.count(200, share: 20) == (Trials.areAll ? 200 : 20))
        #expect(Trials.count(5, share: 20) == 5)
    }
}
