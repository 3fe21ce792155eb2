// Files written by get are correct and complete, and interrupted ones are resumed.
import DaftModel
import Glibc
import Testing

@testable import DaftStore

private let page = ChunkSize(4096)!
private let longAgo = Time(seconds: 1_000_000_000, nanoseconds: 987_654_321)

/// Bytes with their ids.
private struct Content {
    let bytes: [UInt8]
    let manifest: Manifest
    var entry: Entry { Entry(.file(manifest.contentID), mode: 0o640, mtime: longAgo) }

    init(_ bytes: [UInt8], _ chunkSize: ChunkSize = page) {
        self.bytes = bytes
        let chunks = (0..<chunkSize.count(of: Int64(bytes.count))).map { chunk in
            let start = chunk * chunkSize.bytes
            return digest(of: Array(bytes[start..<min(start + chunkSize.bytes, bytes.count)]))
        }
        manifest = Manifest(size: Int64(bytes.count), chunkSize: chunkSize, chunks: chunks)
    }

    func write(_ chunk: Int, to file: TargetFile) throws {
        let start = Int(manifest.offset(of: chunk))
        let aligned = UnsafeMutableRawBufferPointer.allocate(byteCount: manifest.length(of: chunk), alignment: 4096)
        defer { aligned.deallocate() }
        aligned.copyBytes(from: bytes[start..<start + aligned.count])
        if isZero(UnsafeRawBufferPointer(aligned)) { return try file.leaveHole(chunk) }
        try file.write(chunk, UnsafeRawBufferPointer(aligned))
    }

    func writeMissing(to file: TargetFile) throws {
        let have = file.have
        for chunk in manifest.chunks.indices.reversed() where !have.contains(chunk) { try write(chunk, to: file) }
    }
}

@Suite struct TargetFileTests {
    private func open(_ content: Content, _ path: [UInt8], inspect: Bool = true) throws -> TargetFile {
        let file = try TargetTree(path).file([], content.entry, content.manifest)
        guard inspect else { return file }
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: content.manifest.chunkSize.bytes, alignment: 4096)
        defer { buffer.deallocate() }
        try file.inspect(buffer: buffer)
        return file
    }

    @Test(arguments: [0, 1, 4095, 4096, 4097, 7 * 4096 + 3])
    func aFileOfAnySizeIsWrittenInAnyOrder(size: Int) throws {
        let scratch = try SourceScratch()
        let content = Content(filler(size))
        let file = try open(content, scratch("f"))
        #expect(file.have.isEmpty)
        try content.writeMissing(to: file)
        try file.finish()
        #expect(try scratch.read("f") == content.bytes)
        #expect(try scratch.status("f").permissions == 0o640)
        #expect(try scratch.status("f").mtime == longAgo)
        #expect(try scratch.names() == ["f"])
    }

    @Test(arguments: [4 << 20, (9 << 20) + 77])
    func largeAlignedChunksArriveWhole(size: Int) throws {
        let scratch = try SourceScratch()
        let content = Content(filler(size), .standard)
        let file = try open(content, scratch("f"))
        try content.writeMissing(to: file)
        try file.finish()
        #expect(try scratch.read("f") == content.bytes)
    }

    @Test func memoryFilesystemsAreWrittenToo() throws {
        let path = Array("/dev/shm/daft-test-\(getpid())".utf8)
        defer { withCString(path) { _ = unlink($0) } }
        let content = Content(filler((4 << 20) + 1), .standard)
        let file = try open(content, path)
        try content.writeMissing(to: file)
        try file.finish()
        #expect(try statusAt(AT_FDCWD, path).size == content.manifest.size)
    }

    @Test func anInterruptedFileGoesOnWhereItWas() throws {
        let scratch = try SourceScratch()
        let content = Content(filler(7 * 4096 + 3))
        let first = try open(content, scratch("f"))
        for chunk in [1, 5, 7] { try content.write(chunk, to: first) }
        first.abandon()
        #expect(try scratch.names() == [".f.daft-partial"])
        let second = try open(content, scratch("f"))
        #expect(second.have == BitSet([1, 5, 7]))
        try content.writeMissing(to: second)
        try second.finish()
        #expect(try scratch.read("f") == content.bytes)
        #expect(try scratch.names() == ["f"])
    }

    @Test func aPartialThatIsDamagedOrOfAnotherContentIsNotBelieved() throws {
        let scratch = try SourceScratch()
        var bytes = filler(5 * 4096)
        for index in 4096..<8192 { bytes[index] = 0 }
        let content = Content(bytes)
        bytes[3] ^= 1
        bytes[5000] = 1
        try scratch.write(".f.daft-partial", bytes + filler(100))
        let file = try open(content, scratch("f"))
        #expect(file.have == BitSet([2, 3, 4]))
        try content.writeMissing(to: file)
        try file.finish()
        #expect(try scratch.read("f") == content.bytes)
    }

    @Test func nothingWrittenLeavesNothing() throws {
        let scratch = try SourceScratch()
        let file = try open(Content(filler(4096)), scratch("f"))
        file.abandon()
        #expect(try scratch.names().isEmpty)
    }

    @Test func aFileThatIsAlreadyRightIsLeft() throws {
        let scratch = try SourceScratch()
        let content = Content(filler(3 * 4096 + 1))
        try scratch.write("f", content.bytes)
        let inode = try scratch.status("f").inode
        let file = try open(content, scratch("f"))
        #expect(file.have == BitSet(below: 4))
        try file.finish()
        #expect(try scratch.status("f").inode == inode)
        #expect(try scratch.status("f").mtime == longAgo)
        #expect(try scratch.status("f").permissions == 0o640)
        #expect(try scratch.names() == ["f"])
    }

    @Test func aFileThatIsPartlyRightGivesItsChunksAndStaysUntilTheEnd() throws {
        let scratch = try SourceScratch()
        let content = Content(filler(6 * 4096 + 9))
        var old = content.bytes
        old[4096] ^= 1
        try scratch.write("f", Array(old.dropLast(5000)))
        let file = try open(content, scratch("f"))
        #expect(file.have == BitSet([0, 2, 3]))
        try content.writeMissing(to: file)
        #expect(try scratch.read("f") == old.dropLast(5000))
        try file.finish()
        #expect(try scratch.read("f") == content.bytes)
    }

    @Test func chunksOfZerosAreHoles() throws {
        let scratch = try SourceScratch()
        let content = Content(filler(4096) + [UInt8](repeating: 0, count: 50 * 4096) + filler(4096))
        let file = try open(content, scratch("f"))
        try content.writeMissing(to: file)
        try file.finish()
        #expect(try scratch.read("f") == content.bytes)
        #expect(try scratch.status("f").blocks == 2 * 8)
    }

    @Test func aFileThatLacksChunksIsNotPutInPlace() throws {
        let scratch = try SourceScratch()
        let content = Content(filler(3 * 4096))
        let file = try open(content, scratch("f"))
        try content.write(1, to: file)
        #expect(failure { try file.finish() }?.reason == "2 chunks are missing")
        #expect(try scratch.names() == [".f.daft-partial"])
    }

    @Test func twoRunsDoNotWriteOneTargetAtOnce() throws {
        let scratch = try SourceScratch()
        let content = Content(filler(3 * 4096))
        let first = try open(content, scratch("f"))
        try content.write(1, to: first)
        #expect(failure { _ = try open(content, scratch("f")) }?.kind == .locked)
        first.abandon()
        #expect(try open(content, scratch("f")).have == BitSet([1]))
    }

    @Test func anotherKindInTheWayIsRefusedBeforeAnythingIsWritten() throws {
        let scratch = try SourceScratch()
        try scratch.makeDirectory("d")
        try scratch.makeSymlink("l", to: "nowhere")
        #expect(withCString(scratch("p")) { mkfifo($0, 0o600) } == 0)
        for name in ["d", "l", "p"] {
            #expect(failure { _ = try open(Content([1]), scratch(name)) }?.kind == .taken)
        }
        #expect(try scratch.names() == ["d", "l", "p"])
    }

    @Test func aDirectoryThatComesInTheWayMeanwhileIsRefused() throws {
        let scratch = try SourceScratch()
        let content = Content(filler(10))
        let file = try open(content, scratch("f"))
        try content.writeMissing(to: file)
        try scratch.makeDirectory("f")
        #expect(failure { try file.finish() }?.kind == .taken)
        file.abandon()
        #expect(try scratch.names() == [".f.daft-partial", "f"])
    }

    @Test func aPartialThatIsALinkIsNotWrittenThrough() throws {
        let scratch = try SourceScratch()
        try scratch.write("victim", filler(10))
        let content = Content(filler(4096))
        try scratch.makeSymlink(".a.daft-partial", to: "victim")
        #expect(
            withCString(scratch("victim")) { old in withCString(scratch(".b.daft-partial")) { link(old, $0) } } == 0)
        let linked = try open(content, scratch("a"), inspect: false)
        #expect(failure { try content.writeMissing(to: linked) }?.kind == .denied)
        let shared = try open(content, scratch("b"), inspect: false)
        try content.writeMissing(to: shared)
        try shared.finish()
        #expect(try scratch.read("b") == content.bytes)
        #expect(try scratch.read("victim") == filler(10))
    }

    @Test func aFifoThatTookThePartialsNameMakesWay() throws {
        let scratch = try SourceScratch()
        let content = Content(filler(4096))
        #expect(withCString(scratch(".f.daft-partial")) { mkfifo($0, 0o600) } == 0)
        let file = try open(content, scratch("f"))
        try content.writeMissing(to: file)
        try file.finish()
        #expect(try scratch.read("f") == content.bytes)
    }

    @Test func aDirectoryThatVanishesIsReported() throws {
        let scratch = try SourceScratch()
        try scratch.makeDirectory("d")
        let content = Content(filler(4096))
        let file = try open(content, scratch("d/f"))
        #expect(withCString(scratch("d")) { rmdir($0) } == 0)
        #expect(failure { try content.writeMissing(to: file) }?.kind == .missing)
    }

    @Test func aLongNameHasAPartialOfItsOwn() throws {
        let scratch = try SourceScratch()
        let content = Content(filler(10))
        let name = [UInt8](repeating: UInt8(ascii: "n"), count: 255)
        let other = Array(name.dropLast()) + [UInt8(ascii: "m")]
        #expect(TargetPartial.name(for: name).count == 255)
        #expect(TargetPartial.name(for: name) != TargetPartial.name(for: other))
        #expect(TargetPartial.isPath(scratch(TargetPartial.name(for: name))))
        let file = try open(content, scratch(name))
        try content.writeMissing(to: file)
        try file.finish()
        #expect(try scratch.names() == [shown(name)])
    }
}
