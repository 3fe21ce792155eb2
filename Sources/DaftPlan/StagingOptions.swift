// What put, bcast and diffuse are told of how to take their sources.

import DaftModel

public struct StagingOptions: Hashable, Sendable {
    /// Every file is read, also such as look as they did when they were read last.
    public var checksum = false
    /// Symlinks below a source are taken for what they lead to.
    public var dereference = false
    public var rules = PathRules()
    /// The file that names what is staged; `-` is standard input.
    public var filesFrom: [UInt8]?
    /// What it names is ended by zeros instead of newlines.
    public var fromZeros = false
    /// Only say what would be done.
    public var dryRun = false
    /// How fast sources are read, all together.
    public var limit: ByteRate?

    public init() {}
}
