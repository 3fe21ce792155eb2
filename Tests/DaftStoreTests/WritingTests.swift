// Writes are complete, with and without the page cache.

import DaftModel
import DaftStore
import Glibc
import Testing

@Suite struct WritingTests {
    /// The filesystem of /dev/shm may refuse direct I/O.
    @Test(arguments: ["/tmp", "/dev/shm"], [0, 1, 4095])
    func aLargeWriteArrivesWithItsEnd(on base: String, offset: Int) throws {
        let path = "\(base)/daft-writing-\(UInt64.random(in: 0 ... .max))"
        defer { unlink(path) }
        let file = Descriptor(open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600))
        let length = (3 << 20) + 1234
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: length, alignment: 4096)
        defer { bytes.deallocate() }
        for i in bytes.indices { bytes[i] = UInt8(truncatingIfNeeded: i &* 7 &+ i >> 9) }
        // Old bytes in the page cache must not remain visible.
        try Disk().write(UnsafeRawBufferPointer(rebasing: bytes[1..<5000]), to: file, at: Int64(offset))
        try Disk().write(UnsafeRawBufferPointer(bytes), to: file, at: Int64(offset))
        #expect(try file.status().size == Int64(offset + length))
        let read = UnsafeMutableRawBufferPointer.allocate(byteCount: length, alignment: 16)
        defer { read.deallocate() }
        #expect(try file.read(into: read, at: Int64(offset)) == length)
        #expect(memcmp(read.baseAddress!, bytes.baseAddress!, length) == 0)
    }

    @Test func aDiskIsJudgedByItsLatestWrites() {
        var pace = Pace()
        #expect(pace.isQuick)
        // 16 MiB in 20 ms is 840 MB/s for one writer.
        for _ in 0..<8 { pace.note(16 << 20, .milliseconds(20), writers: 1) }
        #expect(pace.isQuick)
        for _ in 0..<3 { pace.note(16 << 20, .milliseconds(80), writers: 1) }
        #expect(pace.isQuick, "too little to judge by")
        pace.note(16 << 20, .milliseconds(80), writers: 1)
        #expect(!pace.isQuick)
    }

    @Test func writersThatShareADiskAreJudgedTogether() {
        var pace = Pace()
        for _ in 0..<8 { pace.note(16 << 20, .milliseconds(80), writers: 4) }
        #expect(pace.isQuick)
    }

    @Test func aSlowDiskIsTriedAgainAfterAWhile() {
        var pace = Pace()
        for _ in 0..<4 { pace.note(16 << 20, .seconds(1), writers: 1) }
        for _ in 0..<255 { pace.skip(16 << 20) }
        #expect(!pace.isQuick)
        pace.skip(16 << 20)
        #expect(pace.isQuick)
    }
}
