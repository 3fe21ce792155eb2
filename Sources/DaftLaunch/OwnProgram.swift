// The program to copy to nodes: this process's executable, read once.

import COpenSSL
import DaftModel
import Glibc

final class OwnProgram: @unchecked Sendable {
    static let path = "/proc/self/exe"

    let bytes: UnsafeRawBufferPointer
    /// The SHA-256 of its bytes in hexadecimal; identifies the version.
    let digest: String

    init(_ path: String = OwnProgram.path) throws(Failure) {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw Failure(.failed, path.utf8, text(of: errno)) }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_size > 0,
            let start = mmap(nil, Int(status.st_size), PROT_READ, MAP_PRIVATE, file, 0), start != MAP_FAILED
        else { throw Failure(.failed, path.utf8, text(of: errno)) }
        bytes = UnsafeRawBufferPointer(start: start, count: Int(status.st_size))
        var digest = [UInt8](repeating: 0, count: 32)
        guard EVP_Digest(bytes.baseAddress, bytes.count, &digest, nil, EVP_sha256(), nil) == 1 else {
            munmap(start, Int(status.st_size))
            throw Failure(.failed, path.utf8, "no SHA-256 of it")
        }
        self.digest = hexadecimal(digest)
    }

    deinit { munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count) }
}
