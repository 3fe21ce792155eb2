// What put, bcast and diffuse are told of how to take their sources.

public struct StagingOptions: Hashable, Sendable {
    /// Every file is read, also such as look as they did when they were read last.
    public var checksum = false

    public init() {}
}
