// Reads users' files. A file that changed since the walk is reported, never published: size, mtime, ctime and inode are
// compared on opening and after reading. Device numbers are not compared, since nodes number a shared filesystem
// differently.

import DaftModel
import Glibc
import Synchronization

/// An open source file. Thread-safe.
public final class SourceFile: Sendable {
    private let info: SourceFileInfo
    let file: Descriptor
    /// Where bytes are read: the file itself, or a private clone.
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

    /// The same file, read from a clone.
    init(_ source: SourceFile, readIn clone: Descriptor) {
        (info, file, mayHaveHoles) = (source.info, source.file, source.mayHaveHoles)
        bytes = clone
    }

    /// Whether the bytes read are in the store already.
    public var isCloned: Bool { bytes !== file }

    public var size: Int64 { info.size }

    /// Reads exactly the chunk; returns its length.
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

    /// Whether the whole chunk is a hole and need not be read.
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

    /// Call after reading: throws if the file has changed since the walk.
    public func confirm() throws(Failure) {
        do throws(SystemError) {
            guard info.isStill(try file.status()) else { throw SystemError.changed }
        } catch {
            throw error.failure(ofSource: info.path)
        }
    }
}

/// Reads a small file at once; returns its length. One comparison after reading suffices: if the file then matches the
/// walk, it was unchanged in between.
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

/// O_NONBLOCK: a file replaced by a fifo would block until a writer opens it.
private func openSource(_ info: SourceFileInfo) throws(SystemError) -> Descriptor {
    try PathBase(info.path).open(O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
}

extension SourceFileInfo {
    fileprivate func isStill(_ now: Status) -> Bool {
        now.isFile && now.size == size && now.mtime == mtime && now.ctime == ctime && now.inode == inode
    }
}

extension Descriptor {
    /// Detects /proc-like files that report size 0 but have bytes.
    func confirmIsEmpty() throws(SystemError) {
        let count = try withUnsafeTemporaryAllocation(byteCount: 1, alignment: 1) { (byte) throws(SystemError) in
            try read(into: byte, at: 0)
        }
        if count > 0 { throw SystemError.sizeIsWrong }
    }
}

extension SystemError {
    static let sizeIsWrong = SystemError(code: EOVERFLOW, call: "read")

    /// NFS returns ESTALE if a file was replaced while open.
    static let changed = SystemError(code: ESTALE, call: "stat")

    /// The user-visible failure about a source path.
    func failure(ofSource path: [UInt8]) -> Failure {
        switch code {
        case ESTALE, ELOOP, ENOTDIR: Failure(.changed, path, "changed while it was read")
        case EOVERFLOW where self == .sizeIsWrong:
            Failure(.failed, path, "says that it is empty and has bytes, as files of /proc do: copy it first")
        default: failure(path)
        }
    }
}
