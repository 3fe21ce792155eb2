// What a client is told of a name: the entry, the state in which it was born, and how large its content is.

public struct Attributes: Hashable, Sendable {
    public let entry: Entry
    /// The state that published it: with the name it tells one version of an entry from every other.
    public let born: State
    /// Of a file its bytes, of a symlink those of its target, of a directory none.
    public let size: Int64

    public init(_ entry: Entry, born: State, size: Int64) {
        self.entry = entry
        self.born = born
        self.size = size
    }
}

/// A name in a directory.
public struct DirectoryEntry: Hashable, Sendable {
    public let name: Name
    public let attributes: Attributes

    public init(_ name: Name, _ attributes: Attributes) {
        self.name = name
        self.attributes = attributes
    }
}
