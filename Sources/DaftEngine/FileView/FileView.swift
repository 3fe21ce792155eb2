// How everything outside the engine reads and writes: a tree of names, a reader for each file that is open, a writer
// for each that is being made. Gateways and verbs see these protocols and nothing below them.

import DaftModel
import DaftStore

/// A tree of names, now or as it was.
public protocol FileView: Sendable {
    /// Throws `.noSuchName` where nothing stands.
    func attributes(of name: Name) async throws(Failure) -> Attributes
    /// One level below a directory, in name order, from behind `after` on. Fewer than `limit` are the last.
    func entries(of directory: Name, after: Name?, limit: Int) async throws(Failure) -> [DirectoryEntry]
    func open(_ name: Name) async throws(Failure) -> any FileReader
    /// A file that is published when its writer says so. A view that is read-only throws `.denied`.
    func create(_ name: Name, _ options: CreateOptions) async throws(Failure) -> any FileWriter
    func change(_ change: NamespaceChange) async throws(Failure)
    /// What caches compare: as long as it is the same, every answer is.
    var version: ViewVersion { get async throws(Failure) }
}

/// A state of one system. Numbers of states mean nothing in another system.
public struct ViewVersion: Hashable, Sendable {
    public let system: SystemID?
    public let state: State

    public init(system: SystemID?, state: State) {
        self.system = system
        self.state = state
    }
}

/// An open file. It reads the content that stood under the name when it was opened, whatever happens to the name.
public protocol FileReader: Sendable {
    var attributes: Attributes { get }
    /// Fills `memory` from the beginning of `range`; fewer bytes than the range has are the end of the file. They have
    /// been verified against the ids of their chunks.
    func read(_ range: Range<Int64>, into memory: UnsafeMutableRawBufferPointer) async throws(Failure) -> Int
    /// Where the bytes lie in this node's store, for sendfile and splice; nil where they do not. They are as the store
    /// keeps them, not verified again.
    func localFile() async -> LocalFile?
}

/// A file that is being written. One task at a time uses it; it must end with `publish` or `abandon`.
public protocol FileWriter: Sendable {
    /// Behind what was written last; returns when there is room for more.
    func append(_ bytes: RawSpan) async throws(Failure)
    /// Parts may come in any order. What no part covers reads as zeros.
    func write(_ bytes: RawSpan, at offset: Int64) async throws(Failure)
    /// All of it or nothing stands under the name.
    func publish() async throws(Failure) -> Attributes
    func abandon() async
}

/// An open file of this node. What is read from it ends where the file ends.
public struct LocalFile: Sendable {
    private let file: Descriptor
    /// Valid as long as this value is.
    public var descriptor: Int32 { file.number }

    init(_ file: Descriptor) { self.file = file }
}

public struct CreateOptions: Sendable {
    public var mode: UInt16
    /// Nil: when the last byte was written.
    public var mtime: Time?

    public init(mode: UInt16 = 0o644, mtime: Time? = nil) {
        self.mode = mode
        self.mtime = mtime
    }
}

/// A change of names that moves no bytes.
public enum NamespaceChange: Hashable, Sendable {
    case makeDirectory(Name, mode: UInt16)
    case makeSymlink(Name, target: [UInt8])
    case setAttributes(Name, mode: UInt16?, mtime: Time?)
}

/// Something at a station that serves clients until it is stopped.
public protocol Service: Sendable {
    func start(at station: Station) async throws(Failure)
    /// Ends in order: what is under way is answered, and nothing new is begun.
    func stop() async
}
