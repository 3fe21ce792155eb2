// Merging the trees of several nodes.
import DaftModel
import DaftPlan
import DaftWire
import Testing

@Suite struct TreeMergeTests {
    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
    private func file(_ size: Int64) -> OfferedEntry.Kind { .file(size: size) }
    private func content(_ seed: UInt8) -> ContentID { ContentID(bytes: Array(repeating: seed, count: 32))! }

    @Test func whatIsTheSameIsTakenFromTheFirst() {
        var merge = TreeMerge()
        for node in 0..<3 {
            merge.add(bytes("d"), .directory, of: node)
            merge.add(bytes("d/same"), file(1), of: node)
            merge.add(bytes("own\(node)"), file(Int64(node)), of: node)
            merge.add(bytes("link"), .symlink(bytes("x")), of: node)
        }
        #expect(merge.clashes.isEmpty)
        for node in 0..<3 {
            #expect(merge.wants(bytes("d"), of: node))
            #expect(merge.wants(bytes("own\(node)"), of: node))
            #expect(merge.wants(bytes("d/same"), of: node) == (node == 0))
            #expect(merge.wants(bytes("link"), of: node) == (node == 0))
        }
    }

    @Test func whatDiffersIsTakenFromNobody() {
        var merge = TreeMerge()
        for (node, seed) in [(0, 1), (1, 1), (2, 2)] as [(Int, Int64)] { merge.add(bytes("a"), file(seed), of: node) }
        merge.add(bytes("b"), file(1), of: 0)
        merge.add(bytes("b"), .directory, of: 1)
        merge.add(bytes("b/c"), file(1), of: 1)
        merge.add(bytes("bc"), file(1), of: 1)
        #expect(
            merge.clashes == [
                TreeMerge.Clash(relative: bytes("a"), first: 0, second: 2),
                TreeMerge.Clash(relative: bytes("b"), first: 0, second: 1),
            ])
        for node in 0..<3 { #expect(!merge.wants(bytes("a"), of: node) && !merge.wants(bytes("b"), of: node)) }
        #expect(!merge.wants(bytes("b/c"), of: 1))
        #expect(merge.wants(bytes("bc"), of: 1))
    }

    @Test func aFileAndADirectoryOfOnePathLeaveNothing() {
        var merge = TreeMerge()
        merge.add([], file(1), of: 0)
        merge.add([], .directory, of: 1)
        merge.add(bytes("x/y"), file(1), of: 1)
        #expect(merge.clashes.count == 1)
        #expect(!merge.wants(bytes("x/y"), of: 1) && !merge.wants([], of: 0))
    }

    @Test func ofFilesThatAreAsLongAsOneAnotherTheContentsDecide() {
        var merge = TreeMerge()
        for node in 0..<2 {
            merge.add(bytes("same"), file(7), of: node)
            merge.add(bytes("other"), file(7), of: node)
            merge.add(bytes("own\(node)"), file(7), of: node)
        }
        #expect(merge.wantsContents && merge.wantsContent(of: bytes("same")) && merge.wantsContent(of: bytes("other")))
        #expect(!merge.wantsContent(of: bytes("own0")))
        for node in 0..<2 {
            merge.add(bytes("same"), content(1), of: node)
            merge.add(bytes("other"), content(UInt8(node)), of: node)
        }
        #expect(merge.clashes == [TreeMerge.Clash(relative: bytes("other"), first: 0, second: 1)])
        #expect(merge.wants(bytes("same"), of: 0) && !merge.wants(bytes("same"), of: 1))
        #expect(!merge.wants(bytes("other"), of: 0) && !merge.wants(bytes("other"), of: 1))
    }
}
