// What ls, stat and status show, with holders by display name.

import DaftCatalogue
import DaftModel
import DaftWire

/// One listed name.
public struct ListedEntry: Sendable {
    public let name: Name
    public let entry: Entry
    /// For a file: its bytes and chunks.
    public let size: Int64
    public let chunks: Int
    /// Data servers with all chunks, and with some, by display name.
    public let complete: [String]
    public let partly: [String]
    /// Nodes that keep some of it and are absent in this run.
    public let away: [String]
    /// Whether every data server of this run keeps it.
    public let isEverywhere: Bool
    /// The number of copies wanted.
    public let copies: Copies
}

/// Totals below a directory.
public struct DirectorySummary: Sendable {
    public private(set) var files: Int64 = 0
    public private(set) var directories: Int64 = 0
    public private(set) var symlinks: Int64 = 0
    /// Of all files; a content counts once per name.
    public var bytes: Int64 = 0

    mutating func count(_ entry: Entry) {
        switch entry.kind {
        case .file: files += 1
        case .directory: directories += 1
        case .symlink: symlinks += 1
        }
    }
}

/// One chunk of a file and its holders.
public struct ListedChunk: Sendable {
    public let index: Int
    public let id: ChunkID
    public let offset: Int64
    public let length: Int
    public let holders: [String]
    /// Whether one holder is on this node.
    public let isHere: Bool
}

public struct SystemStatus: Sendable {
    public let state: State
    public let entries: Int
    public let contents: Int
    public let bytes: Int64
    public let nodes: [NodeStatus]
    /// Running user commands, longest first, except `status`.
    public let commands: [RunningCommand]
}

public struct NodeStatus: Sendable {
    public let store: StoreInfo
    /// Nil if the store is not in this run.
    public let rank: Rank?
    /// Nil if the data server is absent or did not answer.
    public let space: Space?
    /// Nil if it did not answer.
    public let traffic: Traffic?
    /// How long it has been away, if it left during this run.
    public let awayMilliseconds: UInt64?
}

/// Formats the holders of a content.
struct Keepers: Sendable {
    let members: [Member]
    let labels: [Int: String]

    init(_ roster: Roster) {
        members = roster.members.filter(\.isAlive)
        labels = roster.labels
    }

    /// `kept` is nil unless the entry is a file.
    func listed(
        _ one: DirectoryEntry, _ kept: (holders: Holders, wanted: Copies, chunks: Int)?, _ stores: [KnownStore]
    ) -> ListedEntry {
        let holders = kept?.holders ?? Holders()
        let partial = Set(holders.parts.map(\.store))
        let complete = members.filter { holders.complete.contains($0.number) }
        let here = Set(members.map(\.number))
        let away = stores.filter { store in
            !here.contains(store.number) && (holders.complete.contains(store.number) || partial.contains(store.number))
        }
        let entry = one.attributes.entry
        return ListedEntry(
            name: one.name, entry: entry, size: entry.content == nil ? 0 : one.attributes.size,
            chunks: kept?.chunks ?? 0, complete: complete.compactMap { labels[$0.number] },
            partly: members.filter { partial.contains($0.number) }.compactMap { labels[$0.number] },
            away: away.map(\.info.host), isEverywhere: complete.count == members.count, copies: kept?.wanted ?? .one)
    }
}
