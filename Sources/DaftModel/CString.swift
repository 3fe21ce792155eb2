// Byte strings for C, in particular paths, which need not be text.

/// Calls `body` with `bytes` and a terminating zero. Inlinable, since it runs several times per file.
@inlinable
public func withCString<T, E: Error>(
    _ bytes: some Collection<UInt8>, _ body: (UnsafePointer<CChar>) throws(E) -> T
) throws(E) -> T {
    var text = ContiguousArray<CChar>()
    text.reserveCapacity(bytes.count + 1)
    for byte in bytes { text.append(CChar(bitPattern: byte)) }
    text.append(0)
    return try text.withUnsafeBufferPointer { (buffer) throws(E) -> T in try body(buffer.baseAddress!) }
}
