// What comes from somebody's standard input, of unknown length: it is written to a file of its own as it comes, which
// is staged as any file is. Nothing waits here, so that no worker is held by whoever has nothing to say.

import DaftModel
import Glibc

public final class Spool: Sendable {
    public enum Step: Sendable {
        case more, nothingYet, end
    }

    private static let prefix = "stdin-"
    private static let pieceBytes = 1 << 20

    public let path: [UInt8]
    private let input: Descriptor
    private let output: Descriptor

    /// `input` is opened once more, or for `-` this process's own; the file is made in `directory`, for nobody else.
    public init(_ input: [UInt8], in directory: [UInt8], mode: UInt16) throws(Failure) {
        Spool.clean(directory)
        do throws(SystemError) {
            self.input =
                input.elementsEqual("-".utf8)
                ? Descriptor(try system("dup") { fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) })
                : try PathBase(input).open(O_RDONLY | O_NOCTTY)
        } catch { throw error.failure(input) }
        path = directory + Array("/\(Spool.prefix)\(getpid())-\(UInt64.random(in: 0 ... .max))".utf8)
        do throws(SystemError) {
            output = try openAt(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
            try output.setMode(mode)
        } catch { throw error.failure(path) }
    }

    /// Takes what has come. Blocks for the disk alone.
    public func step() throws(Failure) -> Step {
        var waiting = pollfd(fd: input.number, events: Int16(POLLIN), revents: 0)
        if poll(&waiting, 1, 0) == 0 { return .nothingYet }
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: Spool.pieceBytes, alignment: 16)
        defer { memory.deallocate() }
        let count: Int
        do throws(SystemError) {
            count = try system("read") { read(input.number, memory.baseAddress, memory.count) }
        } catch { throw error.failure(Array("standard input".utf8)) }
        do throws(SystemError) {
            var done = 0
            while done < count {
                done += try system("write") { write(output.number, memory.baseAddress! + done, count - done) }
            }
        } catch { throw error.failure(path) }
        return count == 0 ? .end : .more
    }

    public func remove() { withCString(path) { _ = unlink($0) } }

    /// Those of processes that were killed.
    private static func clean(_ directory: [UInt8]) {
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

/// Whether a path stands for what somebody has as standard input: `-` for this process's own, and what a client is
/// known by here.
public func isStandardInput(_ path: [UInt8]) -> Bool {
    let parts = path.split(separator: slash, omittingEmptySubsequences: false)
    return path.elementsEqual("-".utf8)
        || parts.count == 5 && parts[0].isEmpty && parts[1].elementsEqual("proc".utf8)
            && parts[2].allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            && parts[3].elementsEqual("fd".utf8) && parts[4].elementsEqual("0".utf8)
}
