// Where a sparse file has holes. The last answer is kept, so that a large hole costs one question, not one a chunk.

import Glibc

struct SourceHoles {
    /// From `start` to `data.lowerBound` is a hole, then there are data.
    private var known: (start: Int64, data: Range<Int64>)?

    /// Whether `range` of `file` lies in a hole. A filesystem that knows no holes has none.
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
