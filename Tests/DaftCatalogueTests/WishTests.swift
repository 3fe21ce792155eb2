// Wanted copies, contents that lack some, and stores that leave and return.

import DaftModel
import Testing

@testable import DaftCatalogue

@Suite struct WishTests {
    private let base: [Record] = [
        system(), store(0), store(1), store(2), content(1, [1, 2], in: BitSet([0])),
        content(2, [3], in: BitSet([0, 1])),
        content(3, []), content(4, [4], in: BitSet([1])),
    ]

    private func wish(_ contents: [Int], _ copies: Copies) -> Record { .wish(CopiesRequest(contents.map(id), copies)) }

    @Test func theLargerWishWins() throws {
        let catalogue = try memory(base)
        #expect(try catalogue.copies(of: id(1)) == .one)
        try catalogue.append([wish([1, 2], .atLeast(3))])
        try catalogue.append([wish([1], .atLeast(2)), wish([2], .everywhere), wish([2], .atLeast(255))])
        #expect(try catalogue.copies(of: id(1)) == .atLeast(3))
        #expect(try catalogue.copies(of: id(2)) == .everywhere)
        #expect(try catalogue.copies(of: id(99)) == .one)
    }

    @Test func directoriesAndSymlinksAreWantedEverywhereByName() throws {
        let catalogue = try memory(base + [directory("/d"), symlink("/s", to: "d"), directory("/e")])
        let names = [name("/s"), name("/d")]
        try catalogue.append([
            .wish(CopiesRequest([], names: names, .everywhere)), .wish(CopiesRequest([], names: [name("/e")], .one)),
        ])
        #expect(try catalogue.everywhere(after: nil, limit: 9).map(\.name) == [name("/d"), name("/s")])
        #expect(try catalogue.everywhere(after: name("/d"), limit: 9).map(\.entry.word) == ["symlink"])
        #expect(throws: Failure.self) {
            try catalogue.append([.wish(CopiesRequest([], names: [name("/no")], .everywhere))])
        }
    }

    @Test func whatLacksCopiesIsFoundPageByPage() throws {
        let catalogue = try memory(base)
        try catalogue.append([wish([2, 4], .atLeast(2)), keeps([1], [1], .part(BitSet([0])))])
        var found: [ContentID] = []
        var start: Int? = 0
        var pages = 0
        while let from = start {
            let page = try catalogue.lacking(from: from, limit: 2, among: BitSet([0, 1]))
            found += page.contents.map(\.id)
            start = page.next
            pages += 1
        }
        #expect(found == [id(3), id(4)])  // 3 has no holder, 4 has one
        #expect(pages == 3)
        let alone = try catalogue.lacking(from: 0, limit: 10, among: BitSet([1])).contents
        #expect(alone.map(\.id) == [id(1), id(3)])
        #expect(alone[0].holders.complete == BitSet([0]) && alone[0].manifest == manifest([1, 2]))
        #expect(alone[0].copies == .one)
    }

    @Test func aStoreLeavesWhenItKeepsNothingAndComesBackAsAnyOther() throws {
        let catalogue = try memory(base)
        #expect(throws: Failure.self) { try catalogue.append([.left(BitSet([0]))]) }
        try catalogue.append([keeps([1, 2], [0], .nothing), .left(BitSet([0]))])
        #expect(try catalogue.stores().map(\.hasLeft) == [true, false, false])
        #expect(throws: Failure.self) { try catalogue.append([keeps([1], [0], .complete)]) }
        let moved = StoreInfo(id: storeID(0), host: "elsewhere", path: [47])
        try catalogue.append([.store(moved), keeps([1], [0], .complete)])
        #expect(try catalogue.stores()[0].info == moved)
        #expect(try catalogue.stores().map(\.hasLeft) == [false, false, false])
        #expect(try catalogue.stores()[0].number == 0)
        let copy = try memory()
        _ = try copy.follow(catalogue)
        #expect(try copy.dump() == catalogue.dump())
    }
}
