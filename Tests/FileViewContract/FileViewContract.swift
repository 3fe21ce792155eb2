// The contract of file views, independent of their implementation. Each check works in a directory of its own and
// returns violations.

import DaftEngine
import DaftModel

public struct Broken: Error, CustomStringConvertible {
    public let description: String
}

public struct FileViewContract: Sendable {
    typealias Check = @Sendable (FileViewContract, Name) async throws -> Void

    let view: any FileView
    /// The same namespace, seen at another rank.
    let other: any FileView
    /// The chunk size.
    let chunkBytes: Int

    public init(_ view: any FileView, beside other: any FileView, chunkBytes: Int) {
        (self.view, self.other, self.chunkBytes) = (view, other, chunkBytes)
    }

    private static let checks: [(name: String, check: Check)] = [
        ("what is written is read", { try await $0.whatIsWrittenIsRead(below: $1) }),
        ("parts come in any order", { try await $0.partsComeInAnyOrder(below: $1) }),
        ("an abandoned file is nowhere", { try await $0.anAbandonedFileIsNowhere(below: $1) }),
        ("an empty file has no bytes", { try await $0.anEmptyFileHasNoBytes(below: $1) }),
        ("reads end where they should", { try await $0.readsEndWhereTheyShould(below: $1) }),
        ("many read at once", { try await $0.manyReadAtOnce(below: $1) }),
        ("a local file has the bytes", { try await $0.aLocalFileHasTheBytes(below: $1) }),
        ("directories are listed in pages", { try await $0.directoriesAreListedInPages(below: $1) }),
        ("what is below children is not listed", { try await $0.whatIsBelowChildrenIsNotListed(below: $1) }),
        ("what is not there is named", { try await $0.whatIsNotThereIsNamed(below: $1) }),
        ("names change without bytes", { try await $0.namesChangeWithoutBytes(below: $1) }),
        ("other bytes are refused", { try await $0.otherBytesAreRefused(below: $1) }),
        ("versions tell changes apart", { try await $0.versionsTellChangesApart(below: $1) }),
        ("another rank sees it soon", { try await $0.anotherRankSeesItSoon(below: $1) }),
    ]

    public static var names: [String] { checks.map(\.name) }

    /// Returns a line per violation.
    public func run(_ names: [String] = FileViewContract.names) async -> [String] {
        var broken: [String] = []
        for (number, one) in FileViewContract.checks.enumerated() where names.contains(one.name) {
            do {
                try await one.check(self, try Name("/contract/\(number)-\(UInt32.random(in: 0 ... .max))"))
            } catch {
                broken.append("\(one.name): \(error)")
            }
        }
        return broken
    }
}

func expect(_ isSo: Bool, _ what: @autoclosure () -> String, line: Int = #line) throws {
    if !isSo { throw Broken(description: "\(what()) (line \(line))") }
}

extension FileViewContract {
    /// Bytes that depend on position and seed.
    func bytes(_ count: Int, _ seed: UInt64) -> [UInt8] {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        return (0..<count).map { _ in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return UInt8(truncatingIfNeeded: state >> 32)
        }
    }

    @discardableResult
    func publish(
        _ name: Name, _ bytes: [UInt8], _ options: CreateOptions = CreateOptions()
    ) async throws -> Attributes {
        let writer = try await view.create(name, options)
        var start = 0
        while start < bytes.count {
            let end = min(bytes.count, start + 50_000)
            let piece = Array(bytes[start..<end])
            try await writer.append(piece.span.bytes)
            start = end
        }
        return try await writer.publish()
    }

    func read(_ reader: any FileReader, _ range: Range<Int64>) async throws -> [UInt8] {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, range.count), alignment: 16)
        defer { memory.deallocate() }
        let room = UnsafeMutableRawBufferPointer(rebasing: memory[..<range.count])
        let count = try await reader.read(range, into: room)
        return Array(room[..<count])
    }

    func whole(_ name: Name, in view: any FileView) async throws -> [UInt8] {
        let reader = try await view.open(name)
        return try await read(reader, 0..<reader.attributes.size)
    }

    /// The failure that `body` throws.
    func failure<T>(of body: () async throws -> T) async throws -> Failure {
        do { _ = try await body() } catch let failure as Failure { return failure }
        throw Broken(description: "it did not fail")
    }
}
