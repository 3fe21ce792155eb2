// SHA-256 by OpenSSL, which uses the processor's instructions: ids of chunks and contents.

import CDigest
import COpenSSL
import DaftModel
import Glibc

/// Fetched once, since fetching costs more than hashing a small chunk. The node's openssl.cnf is not read: it may name
/// providers that this program lacks, and fetching would fail.
private nonisolated(unsafe) let sha256: OpaquePointer = {
    OPENSSL_init_crypto(UInt64(OPENSSL_INIT_NO_LOAD_CONFIG), nil)
    return EVP_MD_fetch(nil, "SHA256", nil)!
}()

/// The SHA-256 of `bytes`.
public func digest(of bytes: UnsafeRawBufferPointer) -> Digest {
    withUnsafeTemporaryAllocation(byteCount: 32, alignment: 8) { result in
        var length: UInt32 = 32
        let status = EVP_Digest(bytes.baseAddress, bytes.count, result.baseAddress, &length, sha256, nil)
        precondition(status == 1, "SHA-256 failed")
        return Digest(UnsafeRawBufferPointer(result))
    }
}

/// The SHA-256 of each; equal lengths are hashed in pairs, which take hardly longer than one.
public func digests(of chunks: [UnsafeRawBufferPointer]) -> [Digest] {
    var digests: [Digest] = []
    var rest = chunks[...]
    while let first = rest.popFirst() {
        if let second = rest.first, let pair = pair(first, second) {
            digests += [pair.0, pair.1]
            rest.removeFirst()
        } else {
            digests.append(digest(of: first))
        }
    }
    return digests
}

private let hasPairs = digest_has_pairs()

private func pair(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> (Digest, Digest)? {
    guard hasPairs, a.count == b.count, a.count % 64 == 0, a.count > 0 else { return nil }
    return withUnsafeTemporaryAllocation(byteCount: 64, alignment: 8) { result in
        let ids = result.baseAddress!.assumingMemoryBound(to: UInt8.self)
        digest_pair(a.baseAddress, b.baseAddress, a.count, ids, ids + 32)
        return (
            Digest(UnsafeRawBufferPointer(rebasing: result[..<32])),
            Digest(UnsafeRawBufferPointer(rebasing: result[32...]))
        )
    }
}

public func digest(of bytes: [UInt8]) -> Digest { bytes.withUnsafeBytes { digest(of: $0) } }

extension Manifest {
    /// The id of the content with this manifest.
    public var contentID: ContentID { digest(of: encoded) }
}

/// Whether every byte is zero: such a chunk is never sent and is written as a hole.
public func isZero(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard let start = bytes.baseAddress, bytes.count > 0 else { return true }
    return bytes[0] == 0 && memcmp(start, start + 1, bytes.count - 1) == 0
}
