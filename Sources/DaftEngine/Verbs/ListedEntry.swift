// What ls, stat and status show, and who keeps a content in the words of people.

import DaftCatalogue
import DaftModel
import DaftWire

/// One name, as it is listed.
public struct ListedEntry: Sendable {
    public let name: Name
    public let entry: Entry
    /// Of a file: bytes and chunks.
    public let size: Int64
    public let chunks: Int
    /// The data servers that keep it complete, and those that keep some of its chunks, as people call them.
    public let complete: [String]
    public let partly: [String]
    /// The nodes that keep some of it and are not here in this run.
    public let away: [String]
    /// Every data server of this run keeps it.
    public let isEverywhere: Bool
    /// How many copies of it are wanted.
    public let copies: Copies
}

/// What there is below a directory.
public struct DirectorySummary: Sendable {
    public private(set) var files: Int64 = 0
    public private(set) var directories: Int64 = 0
    public private(set) var symlinks: Int64 = 0
    /// Of all files: a content counts under each of its names.
    public var bytes: Int64 = 0

    mutating func count(_ entry: Entry) {
        switch entry.kind {
        case .file: files += 1
        case .directory: directories += 1
        case .symlink: symlinks += 1
        }
    }
}

/// One chunk of a file, and who keeps it.
public struct ListedChunk: Sendable {
    public let index: Int
    public let id: ChunkID
    public let offset: Int64
    public let length: Int
    public let holders: [String]
    /// One of them is on this node.
    public let isHere: Bool
}

public struct SystemStatus: Sendable {
    public let state: State
    public let entries: Int
    public let contents: Int
    public let bytes: Int64
    public let nodes: [NodeStatus]
    /// What users have under way, the longest first; no `status`.
    public let commands: [RunningCommand]
}

public struct NodeStatus: Sendable {
    public let store: StoreInfo
    /// None where the store is not in this run.
    public let rank: Rank?
    /// None where the data server is not here or did not say.
    public let space: Space?
    /// None where it did not say.
    public let traffic: Traffic?
    /// For how long it has been away, if that began in this run.
    public let awayMilliseconds: UInt64?
}

/// Says who keeps a content, in the words of people.
struct Keepers: Sendable {
    let members: [Member]
    let labels: [Int: String]

    init(_ roster: Roster) {
        members = roster.members.filter(\.isAlive)
        labels = roster.labels
    }

    /// Nothing is `kept` of what is no file.
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
