// Failures as shown to users.

import DaftModel
import DaftPlan
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
        #expect(said[1].reason == "rank 2 cannot be reached: this and 999 more below /set lack there")
        #expect(said.condensed == said)
    }

    @Test func manyEqualFailuresAreOneForPeople() {
        func failures(_ paths: [String]) -> [Failure] {
            paths.map { Failure(.denied, $0.utf8, node: "n1", "permission denied") }
        }
        let many = failures(["/a/b/1", "/a/b/2", "/a/c/d/3", "/a/bb", "/a/b/4"])
        #expect(many.condensed == many && many.condensed(fromCount: 6) == many)
        let one = many.condensed(fromCount: 5).map(\.description)
        #expect(one == ["n1:/a/b/1: permission denied: this and 4 more below /a"])
        #expect(failures(["/1", "/2"]).condensed(fromCount: 2)[0].reason.hasSuffix("this and 1 more below /"))
        #expect(failures(["1", "2"]).condensed(fromCount: 2)[0].reason.hasSuffix("this and 1 more"))
        let lost = (0..<9).map { Failure(.corrupt, "/\($0)".utf8, "bytes 0–5 are kept by no data server: lost") }
        #expect(lost.condensed(fromCount: 5) == lost)
        let other = Failure(.denied, "/a/x".utf8, node: "n2", "permission denied")
        #expect((many + [other]).condensed(fromCount: 5).count == 2)
    }
}
