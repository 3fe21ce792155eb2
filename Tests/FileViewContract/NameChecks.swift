// Checks of names: paged listings, changes, and visibility at another rank.

import DaftEngine
import DaftModel

extension FileViewContract {
    private static let soon: Duration = .seconds(2)

    private func last(_ entries: [DirectoryEntry]) -> [String] {
        entries.map { String(decoding: $0.name.last, as: UTF8.self) }
    }

    func directoriesAreListedInPages(below base: Name) async throws {
        for number in 0..<7 { try await publish(try base.appending("f\(number)".utf8), bytes(number, 1)) }
        var (found, after): ([DirectoryEntry], Name?) = ([], nil)
        while true {
            let page = try await view.entries(of: base, after: after, limit: 3)
            found += page
            if page.count < 3 { break }
            after = page.last?.name
        }
        try expect(last(found) == (0..<7).map { "f\($0)" }, "\(last(found))")
        try expect(found.map(\.attributes.size) == (0..<7).map(Int64.init), "sizes")
        for one in found {
            try expect(try await view.attributes(of: one.name) == one.attributes, "\(one.name) has others")
        }
    }

    /// Names that sort around the slash reveal mixed-up levels.
    func whatIsBelowChildrenIsNotListed(below base: Name) async throws {
        for path in ["d/x", "d/y/z", "d.txt", "d0", "d-"] {
            var name = base
            for part in path.split(separator: "/") { name = try name.appending(part.utf8) }
            try await publish(name, bytes(9, 2))
        }
        try expect(
            last(try await view.entries(of: base, after: nil, limit: 100)) == ["d", "d-", "d.txt", "d0"], "levels")
        let inner = try base.appending("d".utf8)
        try expect(last(try await view.entries(of: inner, after: nil, limit: 100)) == ["x", "y"], "the level below")
        let rest = try await view.entries(of: base, after: try base.appending("d".utf8), limit: 2)
        try expect(last(rest) == ["d-", "d.txt"], "behind d: \(last(rest))")
    }

    func whatIsNotThereIsNamed(below base: Name) async throws {
        let file = try base.appending("file".utf8)
        try await publish(file, bytes(3, 3))
        let nowhere = try base.appending("nowhere".utf8)
        for failure in [
            try await failure { try await view.attributes(of: nowhere) },
            try await failure { try await view.entries(of: nowhere, after: nil, limit: 1) },
            try await failure { try await view.open(nowhere) },
        ] {
            try expect(failure.kind == .noSuchName && failure.subject == nowhere.bytes, "\(failure)")
        }
        let listed = try await failure { try await view.entries(of: file, after: nil, limit: 1) }
        try expect(listed.kind == .failed && listed.subject == file.bytes, "\(listed)")
        let opened = try await failure { try await view.open(base) }
        try expect(opened.kind == .failed && opened.subject == base.bytes, "\(opened)")
        try expect(try await view.attributes(of: .root).entry.isDirectory, "the root")
    }

    func namesChangeWithoutBytes(below base: Name) async throws {
        let (directory, link) = (try base.appending("dir".utf8), try base.appending("link".utf8))
        try await view.change(.makeDirectory(directory, mode: 0o750))
        try expect(try await view.attributes(of: directory).entry.mode == 0o750, "mode of a directory")
        let again = try await failure { try await view.change(.makeDirectory(directory, mode: 0o700)) }
        try expect(again.kind == .taken && again.subject == directory.bytes, "\(again)")
        try await view.change(.makeSymlink(link, target: Array("dir/file".utf8)))
        try expect(try await view.attributes(of: link).entry.kind == .symlink(Array("dir/file".utf8)), "symlink")
        let file = try directory.appending("file".utf8)
        let before = try await publish(file, bytes(10, 4))
        let mtime = Time(seconds: 77, nanoseconds: 0)
        try await view.change(.setAttributes(file, mode: nil, mtime: mtime))
        let after = try await view.attributes(of: file)
        try expect(after.entry.mtime == mtime && after.entry.mode == before.entry.mode, "\(after)")
        try expect(after.born > before.born && after.entry.content == before.entry.content, "\(after)")
    }

    func versionsTellChangesApart(below base: Name) async throws {
        try await publish(try base.appending("one".utf8), bytes(5, 5))
        let before = try await view.version
        try expect(try await view.version == before, "it changes by itself")
        try await publish(try base.appending("two".utf8), bytes(6, 6))
        let after = try await view.version
        try expect(after.system == before.system && after.state > before.state, "\(before), \(after)")
    }

    func anotherRankSeesItSoon(below base: Name) async throws {
        let name = try base.appending("news".utf8)
        let bytes = bytes(chunkBytes + 1, 7)
        try await publish(name, bytes)
        let start = ContinuousClock.now
        while true {
            do {
                _ = try await other.attributes(of: name)
                break
            } catch let failure as Failure where failure.kind == .noSuchName {
                try expect(ContinuousClock.now - start < FileViewContract.soon, "it sees nothing of it")
                try await Task.sleep(for: .milliseconds(5))
            }
        }
        try expect(try await whole(name, in: other) == bytes, "other bytes")
    }
}
