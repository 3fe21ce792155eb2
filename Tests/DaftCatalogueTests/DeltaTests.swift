// A replica with the same records has the same catalogue, and forked journals are detected.

import DaftCatalogue
import DaftModel
import Testing

@Suite struct DeltaTests {
    /// Appends random records of all kinds, some of them invalid.
    private func grow(_ catalogue: Catalogue, _ count: Int, _ random: inout Seeded) throws {
        if catalogue.system == nil { try catalogue.append([system()]) }
        for _ in 0..<count {
            let number = Int.random(in: 0..<40, using: &random)
            let chunks = (0..<Int.random(in: 0...5, using: &random)).map { _ in Int.random(in: 0..<90, using: &random) }
            let stores = (0..<4).filter { _ in Bool.random(using: &random) }
            let place = ["", "/1", "/2", "/1/3"].randomElement(using: &random)!
            let record: Record =
                switch Int.random(in: 0..<6, using: &random) {
                case 0: store(number % 4)
                case 1: content(number, chunks, in: BitSet(stores))
                case 2: directory("\(place)/\(number % 5)", mode: UInt16(number))
                case 3: file("\(place)/f\(number)", number, mode: UInt16(number))
                case 4: keeps([number, number / 2], stores, .complete)
                default: keeps([number], stores, .part(BitSet(chunks.filter { $0 < 5 })))
                }
            try? catalogue.append([record])
        }
    }

    @Test(arguments: 0..<10)
    func aCopyIsTheSameWhereverItsDeltasAreCut(_ seed: Int) throws {
        var random = Seeded(state: UInt64(seed))
        let (original, copy) = (try memory(), try memory())
        for _ in 0..<4 {
            try grow(original, 150, &random)
            try copy.follow(original, limitBytes: Int.random(in: 0...3_000, using: &random))
            #expect(copy.head == original.head)
            #expect(try copy.dump() == original.dump())
        }
        #expect(original.head.state > 200)
        try copy.reset()
        #expect(copy.head == .empty)
        #expect(copy.system == nil)
        #expect(try copy.dump() == memory().dump())
        try copy.follow(original)
        #expect(try copy.dump() == original.dump())
    }

    @Test func aDeltaHasAtLeastOneRecordAndSaysWhetherMoreFollow() throws {
        let original = try memory([system(), directory("/a"), directory("/b")])
        let copy = try memory()
        #expect(try copy.follow(original, limitBytes: 0) == 3)
        #expect(try copy.follow(original, limitBytes: 0) == 1)
        guard case .records(let nothing) = try original.delta(after: original.head, limitBytes: 9) else {
            Issue.record("forked")
            return
        }
        #expect(nothing.records.isEmpty)
        #expect(nothing.isLast)
    }

    @Test func journalsThatPartedAreForkedInBothDirections() throws {
        let (one, two) = (try memory([system(), directory("/a")]), try memory())
        try two.follow(one)
        try one.append([directory("/one")])
        try two.append([directory("/two")])
        #expect(one.head.state == two.head.state)
        #expect(one.head.digest != two.head.digest)
        #expect(try one.isForked(after: two.head))
        #expect(try two.isForked(after: one.head))
        try two.append([directory("/three")])
        #expect(try one.isForked(after: two.head))
        try one.append([content(1, [1, 2, 3])])
        #expect(try one.isForked(after: two.head))
        #expect(try one.isForked(after: Head(state: one.head.state - 1, digest: one.head.digest)))
        #expect(try !one.isForked(after: .empty))
    }

    @Test func aDeltaThatDoesNotFollowChangesNothing() throws {
        let original = try memory([system(), directory("/a"), content(1, [1, 2]), directory("/b")])
        guard case .records(let whole) = try original.delta(after: .empty, limitBytes: 1 << 20) else {
            Issue.record("forked")
            return
        }
        let records = whole.records
        let wrong: [Delta] = [
            Delta(records: Array(records.dropFirst()), head: whole.head),
            Delta(records: records, head: Head(state: whole.head.state, digest: 1)),
            Delta(records: [], head: whole.head),
            Delta(records: records, head: Head(state: 2, digest: 2)),
            Delta(records: records.dropLast() + [JournalRecord(state: 5, bytes: [1, 77])], head: whole.head),
            Delta(records: records.dropLast() + [JournalRecord(state: 9, bytes: records[3].bytes)], head: whole.head),
            Delta(records: [records[0], records[0]], head: whole.head),
        ]
        let copy = try memory()
        let before = try copy.dump()
        for delta in wrong {
            let failure = #expect(throws: Failure.self) { try copy.apply(delta) }
            #expect(failure?.kind == .malformed)
            #expect(try copy.dump() == before)
        }
        try copy.apply(whole)
        #expect(try copy.dump() == original.dump())
        #expect(throws: Failure.self) { try copy.apply(whole) }
    }

    @Test func aDeltaHasOneBinaryForm() throws {
        let delta = Delta(records: [JournalRecord(state: 3, bytes: [1, 2])], head: Head(state: 3, digest: 4))
        #expect(
            delta.encoded == [1, 1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1, 2]
                + [3, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0])
        #expect(try Delta(decoding: delta.encoded) == delta)
        for length in 0..<delta.encoded.count {
            #expect(throws: Malformed.self) { try Delta(decoding: Array(delta.encoded[..<length])) }
        }
    }
}
