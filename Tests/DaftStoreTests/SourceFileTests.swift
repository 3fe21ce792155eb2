// Source files are read unchanged, or reported as changed.
import DaftModel
import Glibc
import Testing

@testable import DaftStore

@Suite struct SourceFileTests {
    private let small = ChunkSize(4096)!

    @Test(arguments: [0, 1, 4095, 4096, 4097, 7 * 4096 + 3])
    func chunksOfAnySizeOfFileComeBackWhole(size: Int) throws {
        let scratch = try SourceScratch()
        let bytes = filler(size)
        try scratch.write("f", bytes)
        let info = try scratch.info("f")
        let file = try SourceFile(info)
        var read: [UInt8] = []
        for chunk in 0..<small.count(of: info.size) { read += try piece(chunk, of: file) }
        try file.confirm()
        #expect(read == bytes)
        #expect(try whole(info) == bytes)
    }

    @Test func aFileThatChangedAfterTheWalkIsRefused() throws {
        let scratch = try SourceScratch()
        try scratch.write("f", filler(10))
        let info = try scratch.info("f")
        try scratch.write("f", filler(10, seed: 2))
        let kinds = (failure { _ = try SourceFile(info) }, failure { _ = try whole(info) })
        #expect(kinds.0?.kind == .changed)
        #expect(kinds.1?.kind == .changed)
        #expect(kinds.1?.description.hasSuffix("f: changed while it was read") == true)
        #expect(kinds.1?.subject == scratch("f"))
    }

    @Test func aFileThatVanishedOrTurnedIntoAnotherKindIsRefused() throws {
        let scratch = try SourceScratch()
        for name in ["gone", "link", "fifo", "directory"] { try scratch.write(name, filler(9)) }
        let names = ["gone", "link", "fifo", "directory"]
        let infos = try names.map { try scratch.info($0) }
        for name in names { try scratch.remove(name) }
        try scratch.makeSymlink("link", to: "/etc/passwd")
        #expect(withCString(scratch("fifo")) { mkfifo($0, 0o600) } == 0)
        try scratch.makeDirectory("directory")
        #expect(failure { _ = try whole(infos[0]) }?.kind == .missing)
        #expect(failure { _ = try whole(infos[1]) }?.kind == .changed)
        for info in infos {
            let refused = failure { _ = try SourceFile(info) }
            #expect(refused?.subject == info.path)
            #expect(failure { _ = try whole(info) }?.subject == info.path)
        }
    }

    @Test(.enabled(if: geteuid() != 0, "root may read everything"))
    func anUnreadableFileIsRefusedByName() throws {
        let scratch = try SourceScratch()
        try scratch.write("f", filler(9))
        withCString(scratch("f")) { _ = chmod($0, 0) }
        let refused = failure { _ = try whole(try scratch.info("f")) }
        #expect(refused?.kind == .denied)
        #expect(refused?.subject == scratch("f"))
    }

    @Test func aFileThatGrowsShrinksOrVanishesWhileItIsReadIsReported() throws {
        let scratch = try SourceScratch()
        for name in ["grows", "shrinks", "vanishes", "stays"] { try scratch.write(name, filler(9000)) }
        func opened(_ name: String) throws -> SourceFile { try SourceFile(try scratch.info(name)) }
        let (grows, shrinks) = (try opened("grows"), try opened("shrinks"))
        let (vanishes, stays) = (try opened("vanishes"), try opened("stays"))
        #expect(withCString(scratch("grows")) { truncate($0, 9001) } == 0)
        #expect(withCString(scratch("shrinks")) { truncate($0, 5000) } == 0)
        try scratch.remove("vanishes")
        #expect(try piece(2, of: grows).count == 9000 - 8192)
        #expect(failure { _ = try piece(1, of: shrinks) }?.kind == .changed)
        #expect(failure { try grows.confirm() }?.kind == .changed)
        #expect(failure { try vanishes.confirm() }?.kind == .changed)
        #expect(failure { try stays.confirm() } == nil)
    }

    @Test func wholeChunksInHolesAreKnownWithoutReading() throws {
        let scratch = try SourceScratch()
        try scratch.write("f", filler(4096))
        #expect(withCString(scratch("f")) { truncate($0, 40 * 4096 + 5) } == 0)
        let file = try openAt(AT_FDCWD, scratch("f"), O_WRONLY)
        #expect(pwrite(file.number, [7], 1, 20 * 4096 + 100) == 1)
        let source = try SourceFile(try scratch.info("f"))
        let data = try (0...40).filter { !(try source.isHole($0, of: small)) }
        #expect(data == [0, 20])
        #expect(try (0...40).reversed().filter { !(try source.isHole($0, of: small)) } == [20, 0])
        // Two pages per chunk: a chunk with some data is no hole.
        let double = ChunkSize(8192)!
        #expect(try (0...20).filter { !(try source.isHole($0, of: double)) } == [0, 10])
    }

    @Test func aFileWithoutDataIsAllHoles() throws {
        let scratch = try SourceScratch()
        try scratch.write("f", [])
        #expect(withCString(scratch("f")) { truncate($0, 100 << 30) } == 0)
        let source = try SourceFile(try scratch.info("f"))
        #expect(try (0..<25_600).allSatisfy { try source.isHole($0, of: .standard) })
    }

    @Test func aKeyIsTheSameForTheSameFileOnly() throws {
        let scratch = try SourceScratch()
        try scratch.write("f", filler(10))
        let info = try scratch.info("f")
        #expect(sourceKey(info, host: "n1", .standard) == sourceKey(try scratch.info("f"), host: "n1", .standard))
        #expect(sourceKey(info, host: "n1", .standard) != sourceKey(info, host: "n2", .standard))
        #expect(sourceKey(info, host: "n1", .standard) != sourceKey(info, host: "n1", small))
        try scratch.write("f", filler(10))
        #expect(sourceKey(info, host: "n1", .standard) != sourceKey(try scratch.info("f"), host: "n1", .standard))
    }

    @Test func aZeroChunkHasTheIdOfItsBytes() {
        for length in [1, 4095, 4096, 4 << 20] {
            let id = digest(of: [UInt8](repeating: 0, count: length))
            #expect(zeroChunkID(length: length) == id)
            #expect(zeroChunkID(length: length) == id)
        }
    }

    @Test func aDecoderRefusesWhatIsNoFile() throws {
        let scratch = try SourceScratch()
        try scratch.write("f", filler(10))
        let bytes = try scratch.info("f").encoded
        for length in bytes.indices {
            #expect(throws: Malformed.self) { try SourceFileInfo(decoding: Array(bytes[..<length])) }
        }
        var relative = bytes
        relative[4] = UInt8(ascii: "x")
        #expect(throws: Malformed.self) { try SourceFileInfo(decoding: relative) }
    }

    private func piece(_ chunk: Int, of file: SourceFile) throws(Failure) -> [UInt8] {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: small.bytes, alignment: 4096)
        defer { memory.deallocate() }
        return Array(memory[..<(try file.read(chunk, of: small, into: memory))])
    }
}

/// The failure that `body` throws, or nil.
func failure(_ body: () throws -> Void) -> Failure? {
    do {
        try body()
        return nil
    } catch {
        return error as? Failure
    }
}
