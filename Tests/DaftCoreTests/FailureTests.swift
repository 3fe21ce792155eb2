// Failures as a user gets to see them.

import DaftCore
import Testing

@Suite struct FailureTests {
    @Test func whatLacksOnOneNodeForOneReasonIsSaidOnce() {
        let dead = (0..<1_000).map { Failure(.unreachable, "/set/\($0)".utf8, node: "n2", "rank 2 cannot be reached") }
        let others = [
            Failure(.unreachable, "/set/0".utf8, node: "n3", "rank 3 cannot be reached"),
            Failure(.failed, "/set/1".utf8, node: "n2", "Input/output error"),
            Failure(.failed, "/set/2".utf8, node: "n2", "Input/output error"),
        ]
        let said = ([others[0]] + dead + others[1...]).condensed
        #expect(said.count == 4)
        #expect([said[0], said[2], said[3]] == others)
        #expect(said[1].subject == Array("/set/0".utf8) && said[1].exitStatus == 6)
        #expect(said[1].reason == "rank 2 cannot be reached: this and 999 more lack there")
        #expect(said.condensed == said)
    }
}
