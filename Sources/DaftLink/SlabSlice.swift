// A part of a slab. It keeps the slab, and lends its bytes for the length of a call: a pointer that outlives the slab
// would read memory that belongs to somebody else, or to nobody.

public struct SlabSlice: Sendable {
    public let slab: Slab
    public let range: Range<Int>

    public var count: Int { range.count }

    public func withBytes<T, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> T) throws(E) -> T {
        try slab.withBytes { (bytes) throws(E) in try body(UnsafeRawBufferPointer(rebasing: bytes[range])) }
    }

    /// For the slab's one owner at a time.
    public func withMutableBytes<T, E: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(E) -> T
    ) throws(E) -> T {
        try slab.withMutableBytes { (bytes) throws(E) in
            try body(UnsafeMutableRawBufferPointer(rebasing: bytes[range]))
        }
    }

    /// Fills this with the bytes of another slice of the same length.
    public func copy(from other: SlabSlice) {
        withMutableBytes { room in other.withBytes { room.copyMemory(from: $0) } }
    }
}

extension Sequence<SlabSlice> {
    /// The bytes of all of them.
    public func withAllBytes<T, E: Error>(_ body: ([UnsafeRawBufferPointer]) throws(E) -> T) throws(E) -> T {
        let slices = Array(self)
        let bytes = slices.map { $0.withBytes { $0 } }
        defer { withExtendedLifetime(slices) {} }
        return try body(bytes)
    }
}
