// Bytes as C takes them: paths, above all, which are bytes and not text.

/// Calls `body` with `bytes` and the zero that ends them. Inlinable: every file passes here several times.
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
