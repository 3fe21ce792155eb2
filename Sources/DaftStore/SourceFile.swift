// Reading the user's files. A file that is no longer what the walk saw is reported, never published: size, mtime,
// ctime and inode are compared when it is opened and again when all of it has been read. The device is not compared,
// because two nodes that see one shared filesystem number it differently.

import DaftModel
import Glibc
import Synchronization

/// An open file; several threads may read from it at once.
public final class SourceFile: Sendable {
    private let info: SourceFileInfo
    let file: Descriptor
    /// Where its bytes are read: in the file itself, or in a clone that nobody changes.
    private let bytes: Descriptor
    private let mayHaveHoles: Bool
    private let holes = Mutex(SourceHoles())

    public init(_ info: SourceFileInfo) throws(Failure) {
        self.info = info
        do throws(SystemError) {
            file = try openSource(info)
            let status = try file.status()
            guard info.isStill(status) else { throw SystemError.changed }
            mayHaveHoles = status.blocks * 512 < status.size
        } catch {
            throw error.failure(ofSource: info.path)
        }
        bytes = file
    }

    /// The same file, whose bytes are read in a clone.
    init(_ source: SourceFile, readIn clone: Descriptor) {
        (info, file, mayHaveHoles) = (source.info, source.file, source.mayHaveHoles)
        bytes = clone
    }

    /// Whether what is read is in the store already.
    public var isCloned: Bool { bytes !== file }

    public var size: Int64 { info.size }

    /// Reads exactly the chunk, and returns its length.
    public func read(
        _ chunk: Int, of chunkSize: ChunkSize, into memory: UnsafeMutableRawBufferPointer
    ) throws(Failure) -> Int {
        let length = chunkSize.length(of: chunk, in: info.size)
        let part = UnsafeMutableRawBufferPointer(rebasing: memory[..<length])
        do throws(SystemError) {
            let count = try bytes.read(into: part, at: chunkSize.offset(of: chunk))
            guard count == length else { throw SystemError.changed }
        } catch {
            throw error.failure(ofSource: info.path)
        }
        return length
    }

    /// Whether the whole chunk lies in a hole, so that it need not be read.
    public func isHole(_ chunk: Int, of chunkSize: ChunkSize) throws(Failure) -> Bool {
        guard mayHaveHoles else { return false }
        let start = chunkSize.offset(of: chunk)
        let range = start..<start + Int64(chunkSize.length(of: chunk, in: info.size))
        do {
            return try holes.withLock { (holes) throws(SystemError) in try holes.contain(range, of: bytes) }
        } catch {
            throw error.failure(info.path)
        }
    }

    /// To be called when all has been read: fails if the file changed since the walk saw it.
    public func confirm() throws(Failure) {
        do throws(SystemError) {
            guard info.isStill(try file.status()) else { throw SystemError.changed }
        } catch {
            throw error.failure(ofSource: info.path)
        }
    }
}

/// Reads a small file in one go and returns its length. One look after reading is enough: when the file is then still
/// what the walk saw, it was the same all the time between.
public func readWhole(_ info: SourceFileInfo, into memory: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
    let part = UnsafeMutableRawBufferPointer(rebasing: memory[..<Int(info.size)])
    do throws(SystemError) {
        let file = try openSource(info)
        let count = try file.read(into: part, at: 0)
        if info.size == 0 { try file.confirmIsEmpty() }
        guard count == part.count, info.isStill(try file.status()) else { throw SystemError.changed }
        return count
    } catch {
        throw error.failure(ofSource: info.path)
    }
}

/// O_NONBLOCK: what was a file may have become a fifo, whose opening would wait for a writer.
private func openSource(_ info: SourceFileInfo) throws(SystemError) -> Descriptor {
    try PathBase(info.path).open(O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
}

extension SourceFileInfo {
    fileprivate func isStill(_ now: Status) -> Bool {
        now.isFile && now.size == size && now.mtime == mtime && now.ctime == ctime && now.inode == inode
    }
}

extension Descriptor {
    /// One read past the size that the file claims to have, which is nothing.
    func confirmIsEmpty() throws(SystemError) {
        let count = try withUnsafeTemporaryAllocation(byteCount: 1, alignment: 1) { (byte) throws(SystemError) in
            try read(into: byte, at: 0)
        }
        if count > 0 { throw SystemError.sizeIsWrong }
    }
}

extension SystemError {
    static let sizeIsWrong = SystemError(code: EOVERFLOW, call: "read")

    /// ESTALE is what NFS says of a file that was replaced under its reader.
    static let changed = SystemError(code: ESTALE, call: "stat")

    /// The failure a user sees about a file or directory of the user's own tree.
    func failure(ofSource path: [UInt8]) -> Failure {
        switch code {
        case ESTALE, ELOOP, ENOTDIR: Failure(.changed, path, "changed while it was read")
        case EOVERFLOW where self == .sizeIsWrong:
            Failure(.failed, path, "says that it is empty and has bytes, as files of /proc do: copy it first")
        default: failure(path)
        }
    }
}
