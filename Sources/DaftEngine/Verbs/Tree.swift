// Lists names depth-first, with one page of each open directory in memory.

import DaftModel

/// An entry of a tree listing.
public struct Leaf: Sendable {
    public let named: NamedEntry
    /// For each level down to this one: whether its entry is the last.
    public let isLast: [Bool]
}

extension Session {
    private static let leavesAtOnce = 500

    /// Passes a name and everything below it to `each`, in pages: directories before their entries, in name order.
    public func tree(_ name: Name, each: ([Leaf]) async -> Void) async throws(Failure) {
        _ = try await syncedMembers()
        let root = try await view.attributes(of: name).entry
        var leaves = [Leaf(named: NamedEntry(name, root), isLast: [])]
        var levels = root.isDirectory ? [try await Level(children(of: name))] : []
        while let level = levels.last {
            if Task.isCancelled { throw Failure(.stopped, name, "stopped") }
            guard let next = level.rest.first else {
                levels.removeLast()
                continue
            }
            try await levels[levels.count - 1].advance()
            let entry = next.attributes.entry
            leaves.append(Leaf(named: NamedEntry(next.name, entry), isLast: levels.map(\.rest.isEmpty)))
            if entry.isDirectory { levels.append(try await Level(children(of: next.name))) }
            if leaves.count == Session.leavesAtOnce {
                await each(leaves)
                leaves = []
            }
        }
        await each(leaves)
    }
}

/// One directory during the traversal.
private struct Level {
    private var pages: Pages<DirectoryEntry, Name>
    /// Entries still to come; empty only at the end.
    private(set) var rest: ArraySlice<DirectoryEntry>

    init(_ children: Pages<DirectoryEntry, Name>) async throws(Failure) {
        pages = children
        rest = try await pages.next()?[...] ?? []
    }

    mutating func advance() async throws(Failure) {
        rest.removeFirst()
        if rest.isEmpty { rest = try await pages.next()?[...] ?? [] }
    }
}
