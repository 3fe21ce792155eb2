// Finds holes of a sparse file. The last answer is cached, so that a large hole costs one system call, not one per
// chunk.

import Glibc

struct SourceHoles {
    /// From `start` to `data.lowerBound` is a hole; data follow.
    private var known: (start: Int64, data: Range<Int64>)?

    /// Whether `range` of `file` is a hole. Without filesystem support nothing is.
    mutating func contain(_ range: Range<Int64>, of file: Descriptor) throws(SystemError) -> Bool {
        if let known, known.start <= range.lowerBound, range.lowerBound < known.data.upperBound {
            return range.upperBound <= known.data.lowerBound
        }
        do {
            let data = try file.data(after: range.lowerBound) ?? Int64.max - 1..<Int64.max
            known = (range.lowerBound, data)
            return range.upperBound <= data.lowerBound
        } catch {
            guard [EINVAL, EOPNOTSUPP].contains(error.code) else { throw error }
            known = (0, 0..<Int64.max)
            return false
        }
    }
}
