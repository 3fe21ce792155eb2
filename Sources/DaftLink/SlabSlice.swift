// A part of a slab that keeps it alive. Bytes are provided only during a call, because a pointer that outlives the slab
// could read memory of another owner.

public struct SlabSlice: Sendable {
    public let slab: Slab
    public let range: Range<Int>

    public var count: Int { range.count }

    public func withBytes<T, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> T) throws(E) -> T {
        try slab.withBytes { (bytes) throws(E) in try body(UnsafeRawBufferPointer(rebasing: bytes[range])) }
    }

    /// For the slab's owner only.
    public func withMutableBytes<T, E: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(E) -> T
    ) throws(E) -> T {
        try slab.withMutableBytes { (bytes) throws(E) in
            try body(UnsafeMutableRawBufferPointer(rebasing: bytes[range]))
        }
    }

    /// Copies another slice of equal length.
    public func copy(from other: SlabSlice) {
        withMutableBytes { room in other.withBytes { room.copyMemory(from: $0) } }
    }
}

extension Sequence<SlabSlice> {
    /// Provides the bytes of all slices.
    public func withAllBytes<T, E: Error>(_ body: ([UnsafeRawBufferPointer]) throws(E) -> T) throws(E) -> T {
        let slices = Array(self)
        let bytes = slices.map { $0.withBytes { $0 } }
        defer { withExtendedLifetime(slices) {} }
        return try body(bytes)
    }
}
