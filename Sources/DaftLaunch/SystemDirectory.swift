// The description of a system: the file `system` in the catalogue's directory, readable only by its owner because it
// has the system's keys.

import DaftModel
import DaftTrust
import DaftWire
import Glibc

public struct SystemDirectory: Sendable {
    private let directory: [UInt8]
    private let isHeld: Bool
    private var path: String { String(decoding: directory, as: UTF8.self) + "/system" }

    /// `isHeld`: the directory has been checked and belongs to this user.
    public init(catalogue directory: [UInt8], isHeld: Bool = false) {
        (self.directory, self.isHeld) = (directory, isHeld)
    }

    /// Nil if there is no such file.
    public func read() throws(Failure) -> SystemFile? {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        if file < 0, errno == ENOENT { return nil }
        guard file >= 0 else { throw failure(errno) }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw failure(errno) }
        guard status.st_uid == geteuid(), status.st_mode & 0o077 == 0 else {
            throw Failure(.denied, path.utf8, "others than you may read or write it: remove it, and start anew")
        }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        let count = bytes.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress, $0.count) }
        do throws(Malformed) {
            return try SystemFile(decoding: Array(bytes.prefix(max(0, count))))
        } catch {
            throw Failure(
                .malformed, path.utf8, "no system is written down there (\(error.what)): remove it, and start anew")
        }
    }

    /// Writes or replaces the file.
    public func write(_ system: SystemFile) throws(Failure) {
        if !isHeld {
            while withCString(directory, { mkdir($0, 0o700) }) != 0, errno != EEXIST {
                if errno != EINTR { throw failure(errno) }
            }
            // The directory's owner could exchange the keys.
            close(try OwnDirectory(directory, for: .catalogue).number)
        }
        let new = "\(path).\(getpid())"
        unlink(new)
        let file = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw failure(errno) }
        let isWritten = writeAll(system.encoded, to: file) && fsync(file) == 0
        let code = errno
        close(file)
        guard isWritten, rename(new, path) == 0 else {
            let reason = isWritten ? errno : code
            unlink(new)
            throw failure(reason)
        }
    }

    public func remove() { unlink(path) }

    private func failure(_ code: Int32) -> Failure { Failure(.failed, path.utf8, text(of: code)) }
}
