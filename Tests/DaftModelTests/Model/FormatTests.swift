// Golden bytes of every format, as in docs/formats.md. A change here means a new format version.
import DaftModel
import Testing

private let a = Digest(bytes: Array(0x00...0x1f))!
private let b = Digest(bytes: Array(0x20...0x3f))!
private let hexA = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
private let hexB = "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
private let id = UniqueID(high: 0x0011_2233_4455_6677, low: 0x8899_AABB_CCDD_EEFF)
private let hexID = "00112233445566778899aabbccddeeff"
private let time = Time(seconds: 1_700_000_000, nanoseconds: 5)
private let hexTime = "00f1536500000000" + "05000000"

/// `value` has exactly this encoding, decodes from it, and its decoder survives every mutation of it.
private func expectForm<T: Coded>(
    _ value: T, _ hex: String..., sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(hexadecimal(value.encoded) == hex.joined(), sourceLocation: sourceLocation)
    survivesMutations(value, sourceLocation: sourceLocation)
}

@Suite struct FormatTests {
    @Test func identifiersAreTheirBytesAsRead() throws {
        expectForm(a, hexA)
        expectForm(id, hexID)
        expectForm(Rank(258), "02010000")
        #expect(b.hex == hexB)
        #expect(id.hex == hexID)
    }

    @Test func aNameIsALengthAndItsBytes() throws {
        expectForm(Name.root, "01000000", "2f")
        expectForm(try Name("/set/a"), "06000000", "2f7365742f61")
    }

    @Test func aTimeIsSecondsAndNanoseconds() {
        expectForm(time, hexTime)
        expectForm(Time(seconds: -1, nanoseconds: 999_999_999), "ffffffffffffffff", "ffc99a3b")
    }

    @Test func aSetIsItsWords() {
        expectForm(BitSet(), "00000000")
        expectForm(BitSet([0, 2, 65]), "02000000", "0500000000000000", "0200000000000000")
    }

    @Test func anExtentIsCompleteOrAPart() {
        expectForm(Extent.complete, "00")
        expectForm(Extent.part(BitSet([1])), "01", "01000000", "0200000000000000")
        expectForm(Extent.nothing, "01", "00000000")
    }

    @Test func aChunkSizeIsItsBytes() {
        expectForm(ChunkSize.standard, "00004000")
    }

    @Test func aManifestIsSizeChunkSizeAndChunks() {
        expectForm(
            Manifest(size: 5000, chunkSize: ChunkSize(4096)!, chunks: [a, b]),
            "01",  // version
            "8813000000000000",  // size
            "00100000",  // chunk size
            "02000000", hexA, hexB)  // chunks
        expectForm(
            Manifest(size: 0, chunkSize: .standard, chunks: []),
            "01", "0000000000000000", "00004000", "00000000")
    }

    @Test func anEntryIsItsKindModeTimeAndWhatTheKindNeeds() {
        expectForm(Entry(.file(a), mode: 0o644, mtime: time), "00", "a401", hexTime, hexA)
        expectForm(Entry(.directory, mode: 0o1777, mtime: time), "01", "ff03", hexTime)
        expectForm(
            Entry(.symlink(Array("../x".utf8)), mode: 0o777, mtime: time),
            "02", "ff01", hexTime, "04000000", "2e2e2f78")
    }

    @Test func aNamedEntryIsANameAndAnEntry() throws {
        expectForm(
            NamedEntry(try Name("/d"), Entry(.directory, mode: 0o755, mtime: time)),
            "02000000", "2f64", "01", "ed01", hexTime)
    }

    @Test func aStoreIsItsIdHostAndPath() {
        expectForm(
            StoreInfo(id: id, host: "n1", path: Array("/tmp".utf8)),
            hexID, "02000000", "6e31", "04000000", "2f746d70")
    }

    @Test func aHoldingIsContentsStoresAndExtent() {
        expectForm(
            Holding([a, b], in: BitSet([0, 3]), .complete),
            "02000000", hexA, hexB, "01000000", "0900000000000000", "00")
    }

    @Test func aWishIsContentsAndHowManyCopies() {
        expectForm(CopiesRequest([a], .atLeast(2)), "01000000", hexA, "00000000", "0200")
        expectForm(Copies.everywhere, "0001")
        #expect(throws: Malformed("number of copies", at: 0)) { try Copies(decoding: [0, 0]) }
        #expect(throws: Malformed("number of copies", at: 0)) { try Copies(decoding: [1, 1]) }
    }

    @Test func aHeadIsStateAndDigest() {
        expectForm(Head(state: 7, digest: 0x0102), "0700000000000000", "0201000000000000")
        expectForm(Head.empty, "0000000000000000", "0000000000000000")
    }

    @Test func aFailureIsKindSubjectNodeAndReason() {
        expectForm(
            Failure(.noSpace, "/a".utf8, node: "n3", "disk full"),
            "07", "02000000", "2f61", "02000000", "6e33", "09000000", "6469736b2066756c6c")
        for kind in Failure.Kind.allCases { survivesMutations(Failure(kind, "é\n".utf8, "ß")) }
    }

    @Test func everyKindOfFailureHasItsNumberForGood() {
        let kinds: [Failure.Kind] = [
            .failed, .usage, .noSuchName, .taken, .corrupt, .unreachable, .noSpace, .changed, .denied, .malformed,
            .missing, .stopped, .locked, .unrelated, .gone,
        ]
        #expect(kinds.map { Int($0.rawValue) } == Array(1...15))
        #expect(kinds == Failure.Kind.allCases)
    }

    @Test func aRecordIsVersionKindAndWhatTheKindNeeds() throws {
        let manifest = Manifest(size: 3, chunkSize: ChunkSize(4096)!, chunks: [a])
        let entry = NamedEntry(try Name("/f"), Entry(.file(b), mode: 0o600, mtime: time))
        expectForm(Record.system(id), "01", "01", hexID)
        expectForm(
            Record.store(StoreInfo(id: id, host: "n", path: Array("/s".utf8))),
            "01", "02", hexID, "01000000", "6e", "02000000", "2f73")
        expectForm(
            Record.content(b, manifest, stores: BitSet([1])),
            "01", "03", hexB,
            "01", "0300000000000000", "00100000", "01000000", hexA,  // manifest
            "01000000", "0200000000000000")  // stores
        expectForm(Record.entry(entry), "01", "04", "02000000", "2f66", "00", "8001", hexTime, hexB)
        expectForm(
            Record.holding(Holding([a], in: BitSet([0]), .part(BitSet([4])))),
            "01", "05", "01000000", hexA, "01000000", "0100000000000000", "01", "01000000", "1000000000000000")
        expectForm(
            Record.wish(CopiesRequest([a, b], .everywhere)), "01", "06", "02000000", hexA, hexB, "00000000", "0001")
        expectForm(Record.left(BitSet([2])), "01", "07", "01000000", "0400000000000000")
    }

    @Test func longEncodingsSurviveToo() throws {
        let chunks = (0..<20).map { Digest(bytes: [UInt8](repeating: $0, count: 32))! }
        survivesMutations(Manifest(size: 20 * 4096, chunkSize: ChunkSize(4096)!, chunks: chunks))
        survivesMutations(Record.holding(Holding(chunks, in: BitSet(below: 500), .part(BitSet([1, 700])))))
        survivesMutations(try Name("/" + Array(repeating: "abcdefg", count: 60).joined(separator: "/")))
    }

    @Test func aDigestOfAJournalNeverChangesItsMeaning() {
        let bytes = Record.system(id).encoded
        #expect(mixed([], into: 0) == 0x4F32_9CAD_FAF7_C73C)
        #expect(Head.empty.after(bytes, steps: 1) == Head(state: 1, digest: 0x2CE1_F7EE_3335_10B9))
        #expect(inventoryMark(of: a, .complete) == 0x6895_D346_8C1A_CDF2)
        #expect(inventoryMark(of: a, .nothing) == 0)
    }
}
