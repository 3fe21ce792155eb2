// Scrub: kept data is re-read, and wrong data dropped with its names.
import DaftModel
import DaftStore
import Glibc
import Testing

@Suite struct ScrubTests {
    let fixture = Fixture()

    @Test func corruptChunksAreDroppedAndTheNameIsTakenAway() throws {
        let store = try fixture.open()
        let made = Made(seed: 1, size: 10_000)
        try store.put(made, at: "/a")
        #expect(try store.check(made.id) == [])
        fixture.spoil("/a", at: 5000)
        #expect(try store.check(made.id) == [1])
        #expect(fixture.status("/a") == nil)
        #expect(try store.entry(name("/a")) == nil)
        #expect(try store.extent(of: made.id) == .part(BitSet([0, 2])))
        #expect(store.inventory == (try store.sumOfKept))
        try store.fillWhole(made, only: [1]).finish()
        #expect(try store.place([NamedEntry(name("/a"), made.entry())]) == [])
        #expect(fixture.contents("/a") == made.bytes)
    }

    @Test func aLongerOrShorterFileIsNotTheContent() throws {
        let store = try fixture.open()
        let long = Made(seed: 2, size: 10_000)
        let short = Made(seed: 3, size: 10_000)
        try store.put(long, at: "/long")
        try store.put(short, at: "/short")
        truncate(fixture.path + "/long", 10_001)
        truncate(fixture.path + "/short", 9_000)
        #expect(failureKind { _ = try store.bytes(0, of: short.id) } == .missing)
        #expect(try store.check(long.id) == [0, 1, 2])
        #expect(try store.check(short.id) == [2])
        #expect(fixture.status("/long") == nil && fixture.status("/short") == nil)
        try store.fillWhole(short, only: [2]).finish()
        #expect(try store.check(short.id) == [])
    }

    /// With direct I/O, in whole blocks; the last is incomplete.
    @Test func whatIsReadDirectlyIsJudgedTheSame() throws {
        let store = try fixture.open()
        let made = Made(seed: 5, size: 1_100_003, chunk: 1 << 16)
        try store.put(made, at: "/a")
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 4096)
        defer { buffer.deallocate() }
        #expect(try store.check(made.id, buffer: buffer, directly: true).lost == [])
        #expect(try store.place([NamedEntry(name("/b"), made.entry())]) == [])
        fixture.spoil("/a", at: 1_100_002)
        fixture.spoil("/a", at: 70_000)
        fixture.spoil("/b", at: 80_000)
        let checked = try store.check(made.id, buffer: buffer, directly: true)
        #expect(checked.lost == [1] && checked.mended == 1)
        #expect(try store.extent(of: made.id) == .part(BitSet(Array(0...16).filter { $0 != 1 })))
        try store.fillWhole(made, only: [1]).finish()
        #expect(try store.place([NamedEntry(name("/a"), made.entry())]) == [])
        #expect(fixture.contents("/a") == made.bytes)
        truncate(fixture.path + "/a", 1_100_004)
        #expect(try store.check(made.id, buffer: buffer, directly: true).lost == Array(0...16))
    }

    @Test func aGoodCopyUnderAnotherNameSavesTheContent() throws {
        let store = try fixture.open()
        let made = Made(seed: 4, size: 10_000)
        try store.put(made, at: "/a", "/b")
        fixture.spoil("/a", at: 0)
        let checked = try store.checked(made.id)
        #expect(checked.lost == [] && checked.mended == 1)
        #expect(try store.extent(of: made.id) == .complete)
        #expect(fixture.contents("/b") == made.bytes)
        #expect(fixture.contents("/a") == made.bytes, "the spoiled name is made anew from the good one")
        #expect(try store.names(of: made.id) == [name("/a"), name("/b")])
    }

    @Test func whatIsGoodUnderAnyNameIsNotLost() throws {
        let store = try fixture.open()
        let made = Made(seed: 14, size: 10_000)
        try store.put(made, at: "/a", "/b")
        fixture.spoil("/a", at: 0)
        fixture.spoil("/b", at: 5000)
        let checked = try store.checked(made.id)
        #expect(checked.lost == [] && checked.mended == 2)
        #expect(try store.extent(of: made.id) == .complete)
        for path in ["/a", "/b"] { #expect(fixture.contents(path) == made.bytes) }
        fixture.spoil("/a", at: 0)
        fixture.spoil("/b", at: 0)
        fixture.spoil("/b", at: 9000)
        let again = try store.checked(made.id)
        #expect(again.lost == [0] && again.mended == 1)
        #expect(try store.extent(of: made.id) == .part(BitSet([1, 2])))
        try store.fillWhole(made, only: [0]).finish()
        #expect(try store.checked(made.id).lost == [])
    }

    @Test func aContentThatIsGoneIsReportedWhole() throws {
        let store = try fixture.open()
        let made = Made(seed: 5, size: 10_000)
        try store.put(made, at: "/a")
        unlink(fixture.path + "/a")
        #expect(failureKind { _ = try store.bytes(0, of: made.id) } == .missing)
        #expect(try store.check(made.id) == [0, 1, 2])
        #expect(try store.extent(of: made.id) == .nothing)
        #expect(store.inventory == 0)
        #expect(try store.check(made.id) == [], "what is not kept has nothing corrupt")
    }

    @Test func aPartIsCheckedWhereverItIs() throws {
        let store = try fixture.open()
        let made = Made(seed: 6, size: 10_000)
        do {
            let partialFile = try store.fillWhole(made, only: [0, 1])
            try partialFile.checkpoint()
            fixture.spoil("/.daft/partial/" + made.id.hex, at: 0)
            #expect(try store.check(made.id) == [0])
            #expect(partialFile.have == BitSet([1]))
        }
        #expect(try store.extent(of: made.id) == .part(BitSet([1])))
        fixture.spoil("/.daft/partial/" + made.id.hex, at: 5000)
        #expect(try store.check(made.id) == [1])
        #expect(try store.extent(of: made.id) == .nothing)
        #expect(fixture.partials == [])
    }

    @Test func onlyAContentWithoutNamesIsDropped() throws {
        let store = try fixture.open()
        let made = Made(seed: 7, size: 10_000)
        let other = Made(seed: 8, size: 10_000)
        try store.fillWhole(made).finish()
        try store.put(other, at: "/a")
        try store.drop(made.id)
        #expect(try store.extent(of: made.id) == .nothing)
        #expect(try store.chunkLocation(of: made.manifest.chunks[0]) == nil)
        #expect(fixture.partials == [])
        #expect(try store.drop(other.id) == false)
        #expect(try store.extent(of: other.id) == .complete)
        #expect(store.inventory == inventoryMark(of: other.id, .complete))
    }

    /// Names are recorded before they are created: an interruption in between loses nothing.
    @Test func whatStillLiesBesideItsNamesIsFound() throws {
        let store = try fixture.open()
        let made = Made(seed: 22, size: 10_000)
        try store.put(made, at: "/a", "/b")
        unlink(fixture.path + "/b")
        rename(fixture.path + "/a", fixture.path + "/.daft/partial/" + made.id.hex)
        #expect(try store.check(made.id) == [])
        #expect(try store.extent(of: made.id) == .complete)
        for path in ["/a", "/b"] { #expect(fixture.contents(path) == made.bytes) }
        #expect(fixture.partials == [])
    }

    @Test func anEmptyFileThatIsGoneOrLongerIsMadeAnew() throws {
        let store = try fixture.open()
        let made = Made([])
        try store.put(made, at: "/a", "/b")
        for name in ["/a", "/b"] { unlink(fixture.path + name) }
        #expect(try store.check(made.id) == [])
        for path in ["/a", "/b"] { #expect(fixture.contents(path) == []) }
        fixture.write("/c", [1])
        rename(fixture.path + "/c", fixture.path + "/a")
        #expect(try store.check(made.id) == [])
        for path in ["/a", "/b"] { #expect(fixture.contents(path) == []) }
        #expect(try store.extent(of: made.id) == .complete)
        #expect(fixture.partials == [])
    }
}
