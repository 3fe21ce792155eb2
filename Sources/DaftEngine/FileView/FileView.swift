// The interface of everything outside the engine to published files: a tree of names, a reader per open file, a writer
// per file being made. Gateways and verbs use only these protocols.

import DaftModel
import DaftStore

/// A tree of names, current or of an earlier state.
public protocol FileView: Sendable {
    /// Throws `.noSuchName` if the name does not exist.
    func attributes(of name: Name) async throws(Failure) -> Attributes
    /// One level below a directory, in name order, starting after `after`. A page shorter than `limit` is the last.
    func entries(of directory: Name, after: Name?, limit: Int) async throws(Failure) -> [DirectoryEntry]
    func open(_ name: Name) async throws(Failure) -> any FileReader
    /// Creates a file that becomes visible on `publish`. A read-only view throws `.denied`.
    func create(_ name: Name, _ options: CreateOptions) async throws(Failure) -> any FileWriter
    func change(_ change: NamespaceChange) async throws(Failure)
    /// For caches: while the version is unchanged, every answer is too.
    var version: ViewVersion { get async throws(Failure) }
}

/// A state of one system; states of different systems cannot be compared.
public struct ViewVersion: Hashable, Sendable {
    public let system: SystemID?
    public let state: State

    public init(system: SystemID?, state: State) {
        self.system = system
        self.state = state
    }
}

/// An open file. It keeps reading the content that the name had when it was opened.
public protocol FileReader: Sendable {
    var attributes: Attributes { get }
    /// Fills `memory` from the start of `range`; returns fewer bytes only at the end of the file. The bytes have been
    /// verified against their chunk ids.
    func read(_ range: Range<Int64>, into memory: UnsafeMutableRawBufferPointer) async throws(Failure) -> Int
    /// The file in this node's store, for sendfile and splice; nil if this node does not keep it. Its bytes are not
    /// verified again.
    func localFile() async -> LocalFile?
}

/// A file being written. Used by one task at a time; must end with `publish` or `abandon`.
public protocol FileWriter: Sendable {
    /// Appends after the last write; waits while buffers are full.
    func append(_ bytes: RawSpan) async throws(Failure)
    /// Writes may come in any order. Gaps read as zeros.
    func write(_ bytes: RawSpan, at offset: Int64) async throws(Failure)
    /// Atomic: the name gets the whole file or nothing.
    func publish() async throws(Failure) -> Attributes
    func abandon() async
}

/// An open file on this node. Reads end at the file's end.
public struct LocalFile: Sendable {
    private let file: Descriptor
    /// Valid while this value lives.
    public var descriptor: Int32 { file.number }

    init(_ file: Descriptor) { self.file = file }
}

public struct CreateOptions: Sendable {
    public var mode: UInt16
    /// Nil means the time of the last write.
    public var mtime: Time?

    public init(mode: UInt16 = 0o644, mtime: Time? = nil) {
        self.mode = mode
        self.mtime = mtime
    }
}

/// A namespace change that moves no bytes.
public enum NamespaceChange: Hashable, Sendable {
    case makeDirectory(Name, mode: UInt16)
    case makeSymlink(Name, target: [UInt8])
    case setAttributes(Name, mode: UInt16?, mtime: Time?)
}

/// A service at a station, such as a gateway, that runs until it is stopped.
public protocol Service: Sendable {
    func start(at station: Station) async throws(Failure)
    /// Shuts down gracefully: finishes requests under way and accepts no new ones.
    func stop() async
}
