// SHA-256 by OpenSSL, which uses the processor's own instructions: ids of chunks and contents.

import COpenSSL
import DaftCore
import Glibc

/// The algorithm, fetched once: fetching it anew costs more than hashing a small chunk.
private nonisolated(unsafe) let sha256: OpaquePointer = EVP_MD_fetch(nil, "SHA256", nil)!

/// The SHA-256 of `bytes`.
public func digest(of bytes: UnsafeRawBufferPointer) -> Digest {
    withUnsafeTemporaryAllocation(byteCount: 32, alignment: 8) { result in
        var length: UInt32 = 32
        let status = EVP_Digest(bytes.baseAddress, bytes.count, result.baseAddress, &length, sha256, nil)
        precondition(status == 1, "SHA-256 failed")
        return Digest(UnsafeRawBufferPointer(result))
    }
}

public func digest(of bytes: [UInt8]) -> Digest { bytes.withUnsafeBytes { digest(of: $0) } }

extension Manifest {
    /// The id of the content this is the manifest of.
    public var contentID: ContentID { digest(of: encoded) }
}

/// Whether every byte is zero: such a chunk is known by its id, never sent, and written as a hole.
public func isZero(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard let start = bytes.baseAddress, bytes.count > 0 else { return true }
    return bytes[0] == 0 && memcmp(start, start + 1, bytes.count - 1) == 0
}
