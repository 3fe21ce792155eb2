// Holes inside chunks: of a partly zero chunk only non-zero blocks are written. Blocks have a fixed size, so that files
// are not fragmented needlessly.

import DaftModel
import Glibc

/// The non-zero ranges, in whole blocks.
func stretchesOfData(in bytes: UnsafeRawBufferPointer) -> [Range<Int>] {
    let block = 64 << 10
    var stretches: [Range<Int>] = []
    for start in stride(from: 0, to: bytes.count, by: block) {
        let end = min(start + block, bytes.count)
        if isZero(UnsafeRawBufferPointer(rebasing: bytes[start..<end])) { continue }
        if let last = stretches.last, last.upperBound == start {
            stretches[stretches.count - 1] = last.lowerBound..<end
        } else {
            stretches.append(start..<end)
        }
    }
    return stretches
}

/// Calls `write` for the non-zero ranges; the file must read as zeros there.
func fill(
    _ bytes: UnsafeRawBufferPointer, at offset: Int64,
    _ write: (UnsafeRawBufferPointer, Int64) throws(SystemError) -> Void
) throws(SystemError) {
    for stretch in stretchesOfData(in: bytes) {
        try write(UnsafeRawBufferPointer(rebasing: bytes[stretch]), offset + Int64(stretch.lowerBound))
    }
}
