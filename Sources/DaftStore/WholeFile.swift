// Reads a user's file or pipe as a whole, such as a list of names.

import DaftModel
import Glibc

public func wholeFile(_ path: [UInt8], atMost limit: Int) throws(Failure) -> [UInt8] {
    var bytes: [UInt8] = []
    do throws(SystemError) {
        let file = try PathBase(path).open(O_RDONLY | O_NOCTTY)
        let part = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
        defer { part.deallocate() }
        while bytes.count <= limit {
            let count = try system("read") { read(file.number, part.baseAddress, part.count) }
            if count == 0 { return bytes }
            bytes += part[..<count]
        }
    } catch { throw error.failure(path) }
    throw Failure(.usage, path, "is too long for a list")
}
