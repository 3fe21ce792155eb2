// An order accepts only outcomes of its own kind and of the ordered size.

import DaftModel
import DaftWire
import Testing

private let id = Digest(bytes: Array(0x00...0x1f))!
private let failure = Failure(.noSpace, "/a".utf8, "full")
private let named = NamedEntry(.root, Entry(.directory, mode: 0o755, mtime: Time(seconds: 1, nanoseconds: 0)))
private let info = SourceFileInfo(
    path: Array("/s/a".utf8), size: 5000, mtime: Time(seconds: 1, nanoseconds: 0),
    ctime: Time(seconds: 1, nanoseconds: 0), device: 8, inode: 9, mode: 0o644)
private let manifest = Manifest(size: 5000, chunkSize: ChunkSize(4096)!, chunks: [id, id])

private let outcomes: [Outcome] = [
    .ingested([.failed(failure)], moved: 9), .placed([failure]), .restored([], warnings: [failure]),
    .fetched(Fetched(files: 1, moved: 2, failures: [], lacking: [])),
    .verified(Verified(contents: 1, bytes: 2, corrupt: 3, repaired: 4, failures: [])), .failed(failure),
    .repaired(Repaired(copies: 1)), .collected(Collected()),
    .recognised([SourceLookup(id)]), .inspected(BitSet([1])),
]

private func taken<Answer>(_ order: TypedOrder<Answer>) -> [Int] {
    outcomes.indices.filter { order.answer(outcomes[$0]) != nil }
}

private func ingest(isPart: Bool) -> TypedOrder<(files: [Ingested], moved: Int64)> {
    let span = Span(file: 0, first: 0, count: 2)
    return .ingest(
        Ingest(
            offer: Offer(rank: Rank(2), number: 3), isHere: true, chunkSize: ChunkSize(4096)!,
            files: [IngestFile(info: info, key: id, span: span, isPart: isPart)]))
}

@Suite struct TypedOrderTests {
    @Test func eachOrderTakesItsOutcomeOnly() {
        #expect(taken(ingest(isPart: false)) == [0])
        #expect(
            [
                taken(.place([named])), taken(.settle([])), taken(.discard([id])), taken(.note([named])),
                taken(.remember([])),
            ].allSatisfy { $0 == [1] })
        #expect(taken(.restore([named])) == [2])
        #expect(taken(.fetch(Fetch(below: [], state: 7, reports: false))) == [3])
        #expect(taken(.replicate(Replicate([], state: 7))) == [3])
        #expect(taken(.verify(below: [], state: 7)) == [4])
        #expect(taken(.repair(below: [])) == [6])
        #expect(taken(.leave(store: 1)) == [6])
        #expect(taken(.collect(Collect([]))) == [7])
        #expect(taken(.recognise([SourceIdentity(info)])) == [8])
        #expect(taken(.inspect([named])) == [9])
    }

    @Test func thereIsOneAnswerForEachFile() {
        #expect(taken(.recognise([])) == [])
        #expect(ingest(isPart: false).answer(.ingested([], moved: 0)) == nil)
    }

    @Test func aPartIsAnsweredWithItsChunksAndAWholeFileWithItsContent() {
        let (whole, part) = (Ingested.whole(id, manifest), Ingested.part([id, id]))
        #expect(ingest(isPart: false).answer(.ingested([whole], moved: 3))?.files == [whole])
        #expect(ingest(isPart: true).answer(.ingested([part], moved: 3))?.files == [part])
        #expect(ingest(isPart: false).answer(.ingested([part], moved: 3)) == nil)
        #expect(ingest(isPart: true).answer(.ingested([whole], moved: 3)) == nil)
        #expect(ingest(isPart: true).answer(.ingested([.part([id])], moved: 3)) == nil)
    }
}
