// Partial files: chunks from any source in any order, and resumption.
import DaftModel
import DaftStore
import Glibc
import TestDisk
import Testing

@Suite struct PartialFileTests {
    let fixture = Fixture()

    @Test func aFilledContentIsKeptAndRead() throws {
        let store = try fixture.open()
        let made = Made(seed: 1, size: 10_000)
        #expect(try store.extent(of: made.id) == .nothing)
        let partialFile = try store.fillWhole(made, only: [2, 0])
        #expect(partialFile.have == BitSet([0, 2]))
        #expect(failureKind { try partialFile.finish() } == .missing)
        #expect(try store.bytes(2, of: made.id) == made.chunk(2), "a chunk is of use before the rest is there")
        #expect(failureKind { _ = try store.bytes(1, of: made.id) } == .missing)
        try partialFile.write(made, 1)
        try partialFile.finish()
        #expect(try store.extent(of: made.id) == .complete)
        #expect(try store.manifest(of: made.id) == made.manifest)
        for chunk in 0..<3 { #expect(try store.bytes(chunk, of: made.id) == made.chunk(chunk)) }
        #expect(store.inventory == inventoryMark(of: made.id, .complete))
        #expect(try store.fill(made.id, made.manifest).have == BitSet(below: 3))
    }

    @Test func aKilledFillingGoesOnFromItsLastCheckpoint() throws {
        let made = Made(seed: 2, size: 20_000)
        do {
            let partialFile = try fixture.open().fillWhole(made, only: [0, 3])
            try partialFile.checkpoint()
            try partialFile.write(made, 4)
        }
        let store = try fixture.open()
        #expect(try store.extent(of: made.id) == .part(BitSet([0, 3])))
        #expect(store.inventory == (try store.sumOfKept))
        let partialFile = try store.fill(made.id, made.manifest)
        #expect(partialFile.have == BitSet([0, 3]))
        for chunk in [1, 2, 4] { try partialFile.write(made, chunk) }
        try partialFile.finish()
        #expect(try store.check(made.id) == [])
        #expect(store.inventory == (try store.sumOfKept))
    }

    @Test func aWarnedStoreRemembersAllThatItHas() throws {
        let (made, other) = (Made(seed: 2, size: 20_000), Made(seed: 3, size: 10_000))
        do {
            let store = try fixture.open()
            let fillings = [try store.fillWhole(made, only: [0, 3]), try store.fillWhole(other, only: [1])]
            store.checkpoint()
            withExtendedLifetime(fillings) {}
        }
        let store = try fixture.open()
        #expect(try store.extent(of: made.id) == .part(BitSet([0, 3])))
        #expect(try store.extent(of: other.id) == .part(BitSet([1])))
    }

    @Test func twoWhoFillTheSameContentShareOneFilling() throws {
        let store = try fixture.open()
        let made = Made(seed: 3, size: 10_000)
        let first = try store.fillWhole(made, only: [0])
        let second = try store.fillWhole(made, only: [1, 2])
        #expect(first === second)
        try first.finish()
        try second.finish()
        #expect(try store.extent(of: made.id) == .complete)
    }

    @Test func wrongChunksAreRefused() throws {
        let store = try fixture.open()
        let made = Made(seed: 4, size: 10_000)
        let partialFile = try store.fill(made.id, made.manifest)
        let bytes = made.chunk(0)
        bytes.withUnsafeBytes { bytes in
            #expect(failureKind { try partialFile.write(0, made.manifest.chunks[1], bytes) } == .corrupt)
            #expect(failureKind { try partialFile.write(2, made.manifest.chunks[2], bytes) } == .corrupt)
            #expect(failureKind { try partialFile.write(9, made.manifest.chunks[0], bytes) } == .corrupt)
        }
        #expect(partialFile.have.isEmpty)
    }

    @Test func anAbandonedFillingLeavesNothing() throws {
        let store = try fixture.open()
        let made = Made(seed: 5, size: 10_000)
        let partialFile = try store.fillWhole(made, only: [0])
        try partialFile.checkpoint()
        partialFile.abandon()
        #expect(try store.extent(of: made.id) == .nothing)
        #expect(store.inventory == 0)
        #expect(fixture.partials == [])
        #expect(failureKind { try partialFile.write(made, 1) } == .stopped)
    }

    @Test func aFullDiskKeepsThePartial() throws {
        let made = Made(seed: 6, size: 20_000)
        do {
            let store = try fixture.open()
            let partialFile = try store.fill(made.id, made.manifest)
            fixture.disk.spareBytes = 9_000
            try partialFile.write(made, 0)
            try partialFile.write(made, 1)
            #expect(failureKind { try partialFile.write(made, 2) } == .noSpace)
            try partialFile.checkpoint()
            fixture.disk.spareBytes = nil
            store.close()
        }
        let store = try fixture.open()
        #expect(try store.fill(made.id, made.manifest).have == BitSet([0, 1]))
    }

    /// Adding further chunks would have made a file of them that is never verified.
    @Test(arguments: [false, true]) func chunksThatRottedBetweenTwoRunsDoNotCount(isIngest: Bool) throws {
        let made = Made(seed: 12, size: 20_000)
        let key = digest(of: [12])
        func fill(_ store: Store) throws -> PartialFile {
            if isIngest { return try store.ingest(key, size: 20_000, chunkSize: made.manifest.chunkSize) }
            return try store.fill(made.id, made.manifest)
        }
        do {
            let store = try fixture.open()
            let partialFile = try fill(store)
            for chunk in [0, 1, 2] { try partialFile.write(made, chunk) }
            try partialFile.pause()
            #expect(try fill(store).have == BitSet([0, 1, 2]))
            store.close()
        }
        let leaf = isIngest ? "ingest-\(key.hex)" : made.id.hex
        fixture.spoil("/.daft/partial/\(leaf)", at: made.manifest.chunkSize.bytes + 5)
        let store = try fixture.open()
        let partialFile = try fill(store)
        #expect(partialFile.have == BitSet([0, 2]))
        for chunk in [1, 3, 4] { try partialFile.write(made, chunk) }
        if isIngest { try partialFile.finish(as: made.id, made.manifest) } else { try partialFile.finish() }
        #expect(try store.place([NamedEntry(name("/a"), made.entry())]) == [])
        #expect(fixture.contents("/a") == made.bytes)
    }

    @Test func aTornWriteDoesNotCount() throws {
        let store = try fixture.open()
        let made = Made(seed: 7, size: 10_000)
        let partialFile = try store.fill(made.id, made.manifest)
        fixture.disk.tearWrite(after: 1)
        try partialFile.write(made, 0)
        #expect(failureKind { try partialFile.write(made, 1) } == .failed)
        #expect(partialFile.have == BitSet([0]))
        for chunk in [1, 2] { try partialFile.write(made, chunk) }
        try partialFile.finish()
        #expect(try store.check(made.id) == [])
    }

    @Test func aChunkIsCopiedFromWhatIsKeptOnlyIfItIsRight() throws {
        let store = try fixture.open()
        let made = Made(seed: 8, size: 8192)
        let other = Made(made.chunk(1) + made.chunk(0))
        try store.put(made, at: "/a")
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 8)
        defer { buffer.deallocate() }
        let partialFile = try store.fill(other.id, other.manifest)
        let from = try #require(try store.chunkLocation(of: other.manifest.chunks[0]))
        #expect(from.content == made.id && from.chunk == 1)
        #expect(try partialFile.copy(0, other.manifest.chunks[0], from: from, buffer: buffer))
        fixture.write("/a", [UInt8](repeating: 1, count: 8192))
        #expect(try !partialFile.copy(1, other.manifest.chunks[1], from: (made.id, 0), buffer: buffer))
        unlink(fixture.path + "/a")
        #expect(
            try !partialFile.copy(1, other.manifest.chunks[1], from: (Made(seed: 9, size: 9).id, 0), buffer: buffer))
        #expect(partialFile.have == BitSet([0]))
        #expect(try store.chunkLocation(of: Made(seed: 9, size: 9).manifest.chunks[0]) == nil)
    }

    @Test func holesCostNothingAndSurviveASecondName() throws {
        let store = try fixture.open()
        let zeros = [UInt8](repeating: 0, count: 65536)
        let made = Made(zeros + Made(seed: 10, size: 65536).bytes + zeros, chunk: 65536)
        let partialFile = try store.fill(made.id, made.manifest)
        try partialFile.leaveHole(0, made.manifest.chunks[0])
        try partialFile.write(made, 1)
        try partialFile.leaveHole(2, made.manifest.chunks[2])
        try partialFile.finish()
        #expect(try store.place(["/a", "/b"].map { NamedEntry(name($0), made.entry()) }) == [])
        for path in ["/a", "/b"] {
            #expect(fixture.contents(path) == made.bytes)
            #expect(try #require(fixture.status(path)).st_blocks * 512 <= 65536 + 4096)
        }
        #expect(try store.check(made.id) == [])
        #expect(try store.chunkLocation(of: made.manifest.chunks[0]) == nil)
    }

    @Test func twoHundredGigabytesOfZerosAreOnlyAManifest() throws {
        let store = try fixture.open()
        let chunkSize = ChunkSize.standard
        let zero = digest(of: [UInt8](repeating: 0, count: chunkSize.bytes))
        let count = chunkSize.count(of: 200 << 30)
        let manifest = Manifest(size: 200 << 30, chunkSize: chunkSize, chunks: Array(repeating: zero, count: count))
        let content = manifest.contentID
        let partialFile = try store.fill(content, manifest)
        for chunk in 0..<count { try partialFile.leaveHole(chunk, zero) }
        try partialFile.finish()
        let entry = Entry(.file(content), mode: 0o644, mtime: Time(seconds: 1, nanoseconds: 0))
        #expect(try store.place(["/a", "/b"].map { NamedEntry(name($0), entry) }) == [])
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: chunkSize.bytes, alignment: 8)
        defer { buffer.deallocate() }
        #expect(try store.check(content, buffer: buffer).lost == [])
        #expect(try store.read(count - 1, of: content, into: buffer) == chunkSize.bytes)
        #expect(isZero(UnsafeRawBufferPointer(buffer)))
        for path in ["/a", "/b"] { #expect(try #require(fixture.status(path)).st_blocks <= 8) }
    }

    @Test func aHoleIsPunchedWhereBytesStood() throws {
        let made = Made([UInt8](repeating: 0, count: 65536) + [1], chunk: 65536)
        let store = try fixture.open()
        let key = digest(of: [1])
        let other = Made(seed: 11, size: 65537, chunk: 65536)
        do {
            let ingest = try store.ingest(key, size: 65537, chunkSize: made.manifest.chunkSize)
            try ingest.write(other, 0)
            try ingest.checkpoint()
        }
        let ingest = try store.ingest(key, size: 65537, chunkSize: made.manifest.chunkSize)
        #expect(ingest.id(of: 0) == other.manifest.chunks[0])
        try ingest.leaveHole(0, made.manifest.chunks[0])
        try ingest.write(made, 1)
        try ingest.finish(as: made.id, made.manifest)
        #expect(try store.check(made.id) == [])
        #expect(try store.place([NamedEntry(name("/a"), made.entry())]) == [])
        #expect(try #require(fixture.status("/a")).st_blocks * 512 <= 8192)
    }
}
