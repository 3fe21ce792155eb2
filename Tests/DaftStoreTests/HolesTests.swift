// Zeros within a chunk occupy no disk space, in stores and targets, and replace old bytes.

import DaftModel
import Glibc
import TestDisk
import Testing

@testable import DaftStore

@Suite struct HolesTests {
    let fixture = Fixture()
    private static let chunk = 1 << 20

    /// A chunk with a few bytes in the middle, and one that ends in zeros.
    private let made = {
        var bytes = [UInt8](repeating: 0, count: HolesTests.chunk * 3 / 2)
        for place in [300_000, 300_001, 1_100_000] { bytes[place] = 7 }
        return Made(bytes, chunk: HolesTests.chunk)
    }()

    @Test func theStretchesOfDataAreWholeBlocks() {
        func stretches(_ bytes: [UInt8]) -> [Range<Int>] { bytes.withUnsafeBytes { stretchesOfData(in: $0) } }
        let block = 65_536
        var bytes = [UInt8](repeating: 0, count: 4 * block + 10)
        #expect(stretches(bytes).isEmpty)
        bytes[block] = 1
        bytes[3 * block - 1] = 1
        #expect(stretches(bytes) == [block..<3 * block])
        bytes[4 * block + 9] = 1
        #expect(stretches(bytes) == [block..<3 * block, 4 * block..<4 * block + 10])
        #expect(stretches([UInt8](repeating: 1, count: 100)) == [0..<100])
        #expect(stretches([]).isEmpty)
    }

    @Test func zerosInAChunkTakeNothingOfTheStore() throws {
        let store = try fixture.open()
        try store.put(made, at: "/a")
        #expect(fixture.contents("/a") == made.bytes)
        #expect(try #require(fixture.status("/a")).st_blocks * 512 <= 3 * 65_536)
    }

    @Test func zerosInASmallContentThatComesWholeTakeNothing() throws {
        let small = Made(Array(made.bytes[..<600_000]), chunk: HolesTests.chunk)
        let store = try fixture.open()
        try store.keepWhole([small])
        #expect(try store.place([NamedEntry(name("/a"), small.entry())]) == [])
        #expect(fixture.contents("/a") == small.bytes)
        #expect(try #require(fixture.status("/a")).st_blocks * 512 <= 2 * 65_536)
    }

    @Test func whatWasWrongInAPartialDoesNotShowInAHole() throws {
        let zeros = Made([UInt8](repeating: 0, count: 4096) + [1], chunk: 4096)
        for made in [zeros, Made([UInt8](repeating: 0, count: 100_000) + [1], chunk: 131_072)] {
            let fixture = Fixture()
            let store = try fixture.open()
            let partialFile = try store.fill(made.id, made.manifest)
            func write() throws {
                for chunk in made.manifest.chunks.indices where partialFile.id(of: chunk) == nil {
                    let isHole = made.chunk(chunk).allSatisfy { $0 == 0 }
                    if isHole {
                        try partialFile.leaveHole(chunk, made.manifest.chunks[chunk])
                    } else {
                        try partialFile.write(made, chunk)
                    }
                }
            }
            try write()
            let file = open(fixture.path + "/.daft/partial/" + made.id.hex, O_WRONLY)
            #expect(pwrite(file, [9], 1, 17) == 1)
            close(file)
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 8)
            defer { buffer.deallocate() }
            #expect(try store.check(made.id, buffer: buffer).lost == [0])
            try write()
            try partialFile.finish()
            #expect(try store.check(made.id, buffer: buffer).lost == [])
        }
    }

    @Test func zerosInAChunkTakeNothingOfATarget() throws {
        let scratch = try SourceScratch()
        let tree = try TargetTree(scratch("got"))
        let file = try tree.file([], made.entry(), made.manifest)
        for chunk in 0..<2 { try made.chunk(chunk).withUnsafeBytes { try file.write(chunk, $0) } }
        try file.finish()
        #expect(try scratch.read("got") == made.bytes)
        #expect(try scratch.status("got").blocks * 512 <= 3 * 65_536)
        let small = Made(Array(made.bytes[..<600_000]), chunk: HolesTests.chunk)
        try small.bytes.withUnsafeBytes {
            try TargetFile.writeWhole(in: TargetTree(scratch("small")), [], small.entry(), $0)
        }
        #expect(try scratch.read("small") == small.bytes)
        #expect(try scratch.status("small").blocks * 512 <= 2 * 65_536)
    }
}
