// Checks of files: written, published, and read in parts and concurrently.

import DaftEngine
import DaftModel
import Glibc

extension FileViewContract {
    private static let seconds: Int64 = 1_234_567_890

    func whatIsWrittenIsRead(below base: Name) async throws {
        let name = try base.appending("a.bin".utf8)
        let bytes = bytes(3 * chunkBytes + 17, 1)
        let mtime = Time(seconds: FileViewContract.seconds, nanoseconds: 5)
        let published = try await publish(name, bytes, CreateOptions(mode: 0o640, mtime: mtime))
        try expect(published.size == Int64(bytes.count), "size \(published.size)")
        try expect(published.entry.mode == 0o640, "mode \(published.entry.mode)")
        try expect(published.entry.mtime == mtime, "mtime \(published.entry.mtime)")
        try expect(try await view.attributes(of: name) == published, "its attributes are others")
        try expect(try await view.attributes(of: base).entry.isDirectory, "its directory was not made")
        try expect(try await whole(name, in: view) == bytes, "other bytes")
    }

    func partsComeInAnyOrder(below base: Name) async throws {
        let name = try base.appending("parts".utf8)
        let (first, last) = (bytes(chunkBytes / 2, 2), bytes(100, 3))
        let end = 2 * chunkBytes
        let writer = try await view.create(name, CreateOptions())
        try await writer.write(last.span.bytes, at: Int64(end))
        try await writer.write(first.span.bytes, at: 0)
        try await writer.append(last.span.bytes)
        _ = try await writer.publish()
        let gap = [UInt8](repeating: 0, count: end - first.count - last.count)
        try expect(try await whole(name, in: view) == first + last + gap + last, "other bytes")
    }

    func anAbandonedFileIsNowhere(below base: Name) async throws {
        let name = try base.appending("gone".utf8)
        let writer = try await view.create(name, CreateOptions())
        try await writer.append(bytes(chunkBytes, 4).span.bytes)
        await writer.abandon()
        let failure = try await failure { try await view.attributes(of: name) }
        try expect(failure.kind == .noSuchName, "\(failure)")
        let ended = try await self.failure { try await writer.publish() }
        try expect(ended.kind == .stopped, "\(ended)")
    }

    func anEmptyFileHasNoBytes(below base: Name) async throws {
        let name = try base.appending("empty".utf8)
        let published = try await publish(name, [])
        try expect(published.size == 0, "size \(published.size)")
        try expect(try await whole(name, in: view).isEmpty, "bytes")
    }

    func readsEndWhereTheyShould(below base: Name) async throws {
        let name = try base.appending("r".utf8)
        let bytes = bytes(2 * chunkBytes + 100, 5)
        try await publish(name, bytes)
        let reader = try await view.open(name)
        let (chunk, end) = (Int64(chunkBytes), Int64(bytes.count))
        let ranges: [Range<Int64>] = [
            0..<1, chunk - 1..<chunk + 1, chunk..<2 * chunk, 0..<end, end - 1..<end + 50, end..<end + 1,
            end + 7..<end + 8, 5..<5, chunk + 3..<end - 3,
        ]
        for range in ranges {
            let wanted = Array(bytes[Int(min(range.lowerBound, end))..<Int(min(range.upperBound, end))])
            try expect(try await read(reader, range) == wanted, "\(range)")
        }
    }

    func manyReadAtOnce(below base: Name) async throws {
        let name = try base.appending("many".utf8)
        let bytes = bytes(5 * chunkBytes, 6)
        try await publish(name, bytes)
        let reader = try await other.open(name)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for start in stride(from: 0, to: bytes.count - 4096, by: 10_007) {
                group.addTask {
                    let part = try await self.read(reader, Int64(start)..<Int64(start + 4096))
                    try expect(part == Array(bytes[start..<start + 4096]), "other bytes at \(start)")
                }
            }
            group.addTask { try expect(try await self.whole(name, in: self.other) == bytes, "other bytes") }
            try await group.waitForAll()
        }
    }

    func aLocalFileHasTheBytes(below base: Name) async throws {
        let name = try base.appending("local".utf8)
        let bytes = bytes(chunkBytes + 5, 7)
        try await publish(name, bytes)
        for view in [view, other] {
            guard let file = try await view.open(name).localFile() else { continue }
            var found = [UInt8](repeating: 0, count: bytes.count + 1)
            let count = pread(file.descriptor, &found, found.count, 0)
            try expect(Array(found[..<max(0, count)]) == bytes, "\(count) bytes, or others")
        }
    }

    func otherBytesAreRefused(below base: Name) async throws {
        let name = try base.appending("once".utf8)
        let bytes = bytes(1000, 8)
        let published = try await publish(name, bytes)
        let failure = try await failure { try await publish(name, self.bytes(1000, 9)) }
        try expect(failure.kind == .taken, "\(failure)")
        try expect(failure.subject == name.bytes, "it names \(failure.subject)")
        try expect(try await whole(name, in: view) == bytes, "other bytes")
        try expect(try await publish(name, bytes).entry.content == published.entry.content, "the same is other")
    }
}
