// Attributes of a name: its entry, the state that published it, and its size.

public struct Attributes: Hashable, Sendable {
    public let entry: Entry
    /// The state that published it; identifies, with the name, one version of an entry.
    public let born: State
    /// A file's bytes, the length of a symlink's target, 0 for a directory.
    public let size: Int64

    public init(_ entry: Entry, born: State, size: Int64) {
        self.entry = entry
        self.born = born
        self.size = size
    }
}

/// An entry of a directory.
public struct DirectoryEntry: Hashable, Sendable {
    public let name: Name
    public let attributes: Attributes

    public init(_ name: Name, _ attributes: Attributes) {
        self.name = name
        self.attributes = attributes
    }
}
