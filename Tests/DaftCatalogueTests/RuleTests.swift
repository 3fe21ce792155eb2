// Which records are valid, and by how much they advance the state.

import DaftCatalogue
import DaftModel
import Testing

@Suite struct RuleTests {
    private let base: [Record] = [
        system(), store(0), store(1), directory("/d"), content(1, [1, 2, 3], in: BitSet([0])), content(2, []),
        file("/d/f", 1), symlink("/s", to: "d/f"),
    ]

    @Test func eachNewChunkMovesTheStateByOne() throws {
        let catalogue = try memory([system()])
        #expect(catalogue.head.state == 1)
        let steps: [(record: Record, count: State)] = [
            (content(1, [1, 2, 3]), 3), (content(2, [3, 4, 4, 5]), 2), (content(3, [1, 2]), 1), (content(4, []), 1),
            (content(5, [6, 6, 6]), 1), (directory("/d"), 1), (store(0), 1), (keeps([1, 2], [0], .complete), 1),
        ]
        for step in steps {
            let before = catalogue.head
            try catalogue.append([step.record])
            #expect(catalogue.head == before.after(step.record.encoded, steps: Int(step.count)))
        }
        let counts = try catalogue.counts()
        #expect(counts == (entries: 1, contents: 5, bytes: 12 * 4096))
    }

    @Test func theFirstRecordNamesTheSystem() throws {
        let catalogue = try memory()
        for record in [store(0), directory("/d"), content(1, [])] {
            #expect(throws: Failure.self) { try catalogue.append([record]) }
        }
        #expect(catalogue.head == .empty)
        try catalogue.append([system(5)])
        #expect(catalogue.system == SystemID(high: 0, low: 5))
    }

    @Test(arguments: [
        system(2), .left(BitSet([0])), .left(BitSet([2])), .wish(CopiesRequest([id(8)], .everywhere)),
        content(1, [1, 2, 3]),
        content(9, [9], in: BitSet([2])), directory("/no/d"),
        directory("/d/f/x"), directory("/s/x"), file("/g", 8), directory("/d/f"), file("/d", 1), file("/d/f", 2),
        symlink("/s", to: "elsewhere"), file("/s", 1), keeps([1, 8], [0], .complete), keeps([1], [2], .complete),
        keeps([1], [0], .part(BitSet([3]))), keeps([2], [0], .part(BitSet([0]))), symlink("/", to: "d"),
    ])
    func aRecordThatDoesNotFitIsRefusedAndChangesNothing(_ record: Record) throws {
        let catalogue = try memory(base)
        let before = try catalogue.dump()
        let failure = #expect(throws: Failure.self) { try catalogue.append([record]) }
        #expect(failure?.kind == .malformed)
        #expect(try catalogue.dump() == before)
    }

    @Test func aRefusedRecordLeavesTheRestOfItsChange() throws {
        let catalogue = try memory(base)
        try catalogue.change { (change) throws(Failure) in
            do {
                try change.append(keeps([1, 8], [1], .complete))
                Issue.record("content 8 is not known")
            } catch {}
            try change.append(directory("/e"))
        }
        let other = try memory(base + [directory("/e")])
        #expect(try catalogue.dump() == other.dump())
    }

    @Test func aChangeThatThrowsLeavesNothing() throws {
        let catalogue = try memory(base)
        let before = try catalogue.dump()
        let failure = #expect(throws: Failure.self) {
            try catalogue.change { (change) throws(Failure) in
                try change.append(store(2))
                try change.append(content(3, [3, 4], in: BitSet([2])))
                try change.append(directory("/e"))
                try change.append(file("/e/f", 3))
                #expect(try change.entry(name("/e/f"))?.content == id(3))
                #expect(try change.knows(content: id(3)))
                throw Failure(.taken, name("/e/f"), "")
            }
        }
        #expect(failure?.kind == .taken)
        #expect(try catalogue.dump() == before)
        #expect(throws: Failure.self) { try catalogue.append([file("/e/f", 3)]) }
        let state = catalogue.head.state
        try catalogue.append([content(3, [3, 4, 5])])
        #expect(catalogue.head.state == state + 2, "chunk 4 is as new as chunk 5")
    }

    @Test func aChangeAsksWhileItDecides() throws {
        let catalogue = try memory(base)
        try catalogue.change { (change) throws(Failure) in
            #expect(change.head == catalogueHead(of: base))
            #expect(try change.knows(content: id(1)))
            #expect(try !change.knows(content: id(3)))
            #expect(try change.number(of: storeID(1)) == 1)
            #expect(try change.number(of: storeID(7)) == nil)
            try change.append(keeps([1], [1], .part(BitSet([0, 2]))))
            let holders = try change.holders(of: id(1))
            #expect(holders.complete == BitSet([0]))
            #expect(holders.parts.map(\.chunks) == [BitSet([0, 2])])
        }
    }

    private func catalogueHead(of records: [Record]) -> Head? { try? memory(records).head }

    @Test func modeAndTimeMayChangeAndOldVersionsStay() throws {
        let catalogue = try memory(base)
        try catalogue.append([file("/d/f", 1, mode: 0o600), directory("/d", mode: 0o700), directory("/", mode: 0o711)])
        #expect(try catalogue.entry(name("/d/f"))?.mode == 0o600)
        #expect(try catalogue.entry(name("/d"))?.mode == 0o700)
        #expect(try catalogue.entry(.root)?.mode == 0o711)
        #expect(try catalogue.names(of: id(1)) == [name("/d/f")])
        #expect(try catalogue.counts().entries == 4)
        #expect(try catalogue.below(.root, after: nil, limit: 9).map(\.name.description) == ["/d", "/d/f", "/s"])
        #expect(try catalogue.dump().filter { $0.hasPrefix("entries") }.count == 6)
    }

    @Test func theRootStandsFromTheBeginning() throws {
        let catalogue = try memory()
        #expect(try catalogue.entry(.root)?.isDirectory == true)
        #expect(try catalogue.entry(name("/d")) == nil)
        #expect(try catalogue.counts().entries == 0)
    }
}
