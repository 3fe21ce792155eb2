// Holes inside a chunk. A chunk of zeros is known by its id; a chunk that has some bytes in a sea of zeros takes of the
// disk no more than these, in blocks of a fixed size, so that a file is not cut into pieces without need.

import DaftModel
import Glibc

/// The stretches that are not zeros, block by block.
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

/// Writes what is not zeros to where a file reads as zeros, by `write`.
func fill(
    _ bytes: UnsafeRawBufferPointer, at offset: Int64,
    _ write: (UnsafeRawBufferPointer, Int64) throws(SystemError) -> Void
) throws(SystemError) {
    for stretch in stretchesOfData(in: bytes) {
        try write(UnsafeRawBufferPointer(rebasing: bytes[stretch]), offset + Int64(stretch.lowerBound))
    }
}
