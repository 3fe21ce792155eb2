// Spools input of unknown length to a file beside the catalogue or store, which is then staged like any file. Standard
// input is read without blocking, so that no worker waits for it.

import DaftModel
import Glibc
import Synchronization

/// A private file; `remove` deletes it.
public final class SpoolFile: Sendable {
    private static let prefix = "stdin-"

    public let path: [UInt8]
    private let file: Descriptor

    /// Also removes spool files of killed processes.
    public init(in directory: [UInt8], mode: UInt16) throws(Failure) {
        SpoolFile.clean(directory)
        path = directory + Array("/\(SpoolFile.prefix)\(getpid())-\(UInt64.random(in: 0 ... .max))".utf8)
        do throws(SystemError) {
            file = try openAt(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
            try file.setMode(mode)
        } catch { throw error.failure(path) }
    }

    public func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(Failure) {
        var done = 0
        do throws(SystemError) {
            while done < bytes.count {
                done += try system("pwrite") {
                    pwrite(file.number, bytes.baseAddress! + done, bytes.count - done, off_t(offset) + off_t(done))
                }
            }
        } catch { throw error.failure(path) }
    }

    public func set(mtime: Time) throws(Failure) {
        do throws(SystemError) { try file.setTimes(mtime) } catch { throw error.failure(path) }
    }

    public func remove() { withCString(path) { _ = unlink($0) } }

    private static func clean(_ directory: [UInt8]) {
        // The next run removes what cannot be removed now.
        guard let folder = try? openAt(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY),
            let names = try? SourceListing(of: folder)
        else { return }
        for index in 0..<names.count {
            names.withName(index) { name, bytes in
                let text = String(decoding: bytes, as: UTF8.self)
                guard text.hasPrefix(prefix), let process = pid_t(text.dropFirst(prefix.count).prefix { $0 != "-" })
                else { return }
                if kill(process, 0) != 0, errno == ESRCH { unlinkat(folder.number, name, 0) }
            }
        }
    }
}

/// Spools standard input. Used by one task at a time.
public final class Spool: Sendable {
    public enum Step: Sendable {
        case more, nothingYet, end
    }

    private static let pieceBytes = 1 << 20

    private let input: Descriptor
    private let output: SpoolFile
    private let done = Mutex<Int64>(0)

    public var path: [UInt8] { output.path }

    /// Reopens `input`, or for `-` uses this process's standard input.
    public init(_ input: [UInt8], in directory: [UInt8], mode: UInt16) throws(Failure) {
        do throws(SystemError) {
            self.input =
                input.elementsEqual("-".utf8)
                ? Descriptor(try system("dup") { fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) })
                : try PathBase(input).open(O_RDONLY | O_NOCTTY)
        } catch { throw error.failure(input) }
        output = try SpoolFile(in: directory, mode: mode)
    }

    /// Copies the available input. Blocks only for disk writes.
    public func step() throws(Failure) -> Step {
        var waiting = pollfd(fd: input.number, events: Int16(POLLIN), revents: 0)
        if poll(&waiting, 1, 0) == 0 { return .nothingYet }
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: Spool.pieceBytes, alignment: 16)
        defer { memory.deallocate() }
        let count: Int
        do throws(SystemError) {
            count = try system("read") { read(input.number, memory.baseAddress, memory.count) }
        } catch { throw error.failure(Array("standard input".utf8)) }
        try done.withLock { (done) throws(Failure) in
            try output.write(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(memory)[..<count]), at: done)
            done += Int64(count)
        }
        return count == 0 ? .end : .more
    }

    public func remove() { output.remove() }
}

/// Whether a path denotes standard input: `-` for this process, or a client's under /proc.
public func isStandardInput(_ path: [UInt8]) -> Bool {
    let parts = path.split(separator: slash, omittingEmptySubsequences: false)
    return path.elementsEqual("-".utf8)
        || parts.count == 5 && parts[0].isEmpty && parts[1].elementsEqual("proc".utf8)
            && parts[2].allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            && parts[3].elementsEqual("fd".utf8) && parts[4].elementsEqual("0".utf8)
}
