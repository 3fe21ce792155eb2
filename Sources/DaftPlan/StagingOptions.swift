// Source options of put, bcast and diffuse.

import DaftModel

public struct StagingOptions: Hashable, Sendable {
    /// Read every file, even if it looks unchanged.
    public var checksum = false
    /// Follow symlinks below a source.
    public var dereference = false
    public var rules = PathRules()
    /// A file that lists the paths to stage; `-` is standard input.
    public var filesFrom: [UInt8]?
    /// The list is zero-terminated instead of line by line.
    public var fromZeros = false
    /// Only print what would be done.
    public var dryRun = false
    /// Rate limit for reading all sources together.
    public var limit: ByteRate?

    public init() {}
}
