// Every wait is listed with what ends it.

import Foundation
import Testing

@Suite struct WaitTests {
    @Test func everyWaitOfTheProgramsHasItsRow() throws {
        let document = try String(contentsOf: Tree.root.appending(path: "docs/waits.md"), encoding: .utf8)
        let listed = Set(listedWaits(in: document))
        let found = Set(Tree.sources.filter { $0.isSwift && $0.path.hasPrefix("Sources/") }.flatMap(\.waits))
        #expect(found.subtracting(listed) == [], "not in docs/waits.md")
        #expect(listed.subtracting(found) == [], "no longer there, or not so often")
    }

    @Test func aWaitIsFoundByWhateverWay() {
        let source = Source(
            path: "Sources/DaftModel/A.swift",
            """
            let a = await withUnsafeContinuation { $0.resume() } // usleep(1)
            while poll(&files, 2, -1) < 0 {}
            poll(task: 1); link.poll(2); func poll(_ a: Int) {}
            latch.wait(until: nil); latch.wait(until: deadline)
            usleep(5); usleep(6)
            """)
        let words = source.waits.map { "\($0.count) \($0.word)" }
        #expect(words == ["1 poll", "2 usleep", "1 wait(until: nil)", "1 withUnsafeContinuation"])
    }

    @Test func aRowIsReadAsItStands() {
        let row = "| [A.swift](../Sources/DaftModel/A.swift) | `poll` ×2 | x | y |\n| [B](../B) | `poll` | | y |"
        #expect(listedWaits(in: row) == [Wait(path: "Sources/DaftModel/A.swift", word: "poll", count: 2)])
    }
}
