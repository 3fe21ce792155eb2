// A disk with injectable faults over a real directory: full, a torn write, or a power loss that drops unsynced data. As
// in ext4, names are lost from the end of one common order, so syncing a directory keeps everything before; data is
// lost page by page unless the file was synced.

import DaftModel
import DaftStore
import Glibc
import Synchronization

open class FaultyDisk: Disk, @unchecked Sendable {
    private enum Change {
        case made(Location, isDirectory: Bool)
        case renamed(Location, Location)
        /// Kept under another name, so that it can be restored.
        case removed(Location, grave: String)

        var directories: [Descriptor] {
            switch self {
            case .made(let place, _), .removed(let place, _): [place.directory]
            case .renamed(let from, let to): [from.directory, to.directory]
            }
        }
    }

    private struct Overwritten {
        let offset: Int64
        let bytes: [UInt8]
        let size: Int64
    }

    private struct File {
        /// The order of first writes, since inode numbers differ between runs.
        let number: Int
        let descriptor: Descriptor
        var overwritten: [Overwritten] = []
    }

    private struct State: ~Copyable {
        var spare: Int?
        var writesToTear: Int?
        var beforeRename: (@Sendable () -> Void)?
        var changes: [Change] = []
        var files: [UInt64: File] = [:]
        var removals = 0
        var filesSeen = 0
    }

    private let state = Mutex(State())
    private let graveyard: String

    /// `graveyard`: an existing directory on the same filesystem, outside the store.
    public init(graveyard: String) { self.graveyard = graveyard }

    /// Bytes that may still be written; nil: unlimited.
    public var spareBytes: Int? {
        get { state.withLock { $0.spare } }
        set { state.withLock { $0.spare = newValue } }
    }

    /// Tears one write, after this many more: half of it is written, then it fails.
    public func tearWrite(after count: Int?) { state.withLock { $0.writesToTear = count } }

    /// Runs before each rename, to simulate a kill there.
    public func beforeRename(_ body: (@Sendable () -> Void)?) { state.withLock { $0.beforeRename = body } }

    // MARK: changes, recorded for undo

    open override func create(_ place: Location, mode: UInt16, exclusive: Bool) throws(SystemError) -> Descriptor {
        let existed = exists(place)
        let file = try super.create(place, mode: mode, exclusive: exclusive)
        if !existed { note(.made(place, isDirectory: false)) }
        return file
    }

    open override func write(_ bytes: UnsafeRawBufferPointer, to file: Descriptor, at offset: Int64) throws(SystemError)
    {
        remember(file, at: offset, length: bytes.count)
        let (allowed, code) = state.withLock { state -> (Int, Int32) in
            if let left = state.writesToTear {
                state.writesToTear = left == 0 ? nil : left - 1
                if left == 0 { return (bytes.count / 2, EIO) }
            }
            guard let spare = state.spare else { return (bytes.count, 0) }
            let allowed = min(spare, bytes.count)
            state.spare = spare - allowed
            return (allowed, ENOSPC)
        }
        try super.write(UnsafeRawBufferPointer(rebasing: bytes[..<allowed]), to: file, at: offset)
        if allowed < bytes.count { throw SystemError(code: code, call: "pwrite") }
    }

    open override func truncate(_ file: Descriptor, to size: Int64) throws(SystemError) {
        let old = try file.status().size
        remember(file, at: min(old, size), length: Int(max(0, old - size)))
        try super.truncate(file, to: size)
    }

    open override func punch(_ file: Descriptor, at offset: Int64, length: Int) throws(SystemError) {
        remember(file, at: offset, length: length)
        try super.punch(file, at: offset, length: length)
    }

    open override func clone(_ from: Descriptor, to: Descriptor) throws(SystemError) {
        throw SystemError(code: EOPNOTSUPP, call: "ioctl FICLONE")
    }

    open override func copy(
        _ from: Descriptor, to: Descriptor, at offset: Int64, length: Int
    ) throws(SystemError) -> Int {
        remember(to, at: offset, length: length)
        return try super.copy(from, to: to, at: offset, length: length)
    }

    open override func rename(_ from: Location, to: Location) throws(SystemError) {
        state.withLock { $0.beforeRename }?()
        try super.rename(from, to: to)
        note(.renamed(from, to))
    }

    open override func makeDirectory(_ place: Location, mode: UInt16) throws(SystemError) {
        try super.makeDirectory(place, mode: mode)
        note(.made(place, isDirectory: true))
    }

    open override func makeSymlink(_ place: Location, to target: [UInt8]) throws(SystemError) {
        try super.makeSymlink(place, to: target)
        note(.made(place, isDirectory: false))
    }

    open override func remove(_ place: Location) throws(SystemError) {
        let grave =
            graveyard + "/"
            + String(
                state.withLock { state in
                    state.removals += 1
                    return state.removals
                })
        let status = withLeaf(place) { linkat(place.directory.number, $0, AT_FDCWD, grave, 0) }
        try super.remove(place)
        if status == 0 { note(.removed(place, grave: grave)) }
    }

    // MARK: sync and power loss

    open override func sync(file: Descriptor) throws(SystemError) {
        let inode = try file.status().inode
        state.withLock { $0.files[inode] = nil }
    }

    open override func sync(directory: Descriptor) throws(SystemError) {
        let inode = try directory.status().inode
        state.withLock { state in
            let last = state.changes.lastIndex { change in
                change.directories.contains { (try? $0.status().inode) == inode }
            }
            if let last { state.changes.removeFirst(last + 1) }
        }
    }

    open override func sync(filesystemOf file: Descriptor) throws(SystemError) {
        state.withLock { ($0.changes, $0.files) = ([], [:]) }
    }

    /// Drops some unsynced changes: the latest names, and any data. The disk must not be in use.
    public func powerLoss(using generator: inout some RandomNumberGenerator) {
        let (changes, files) = state.withLock { state in
            defer { (state.changes, state.files) = ([], [:]) }
            return (state.changes, state.files)
        }
        for file in files.values.sorted(by: { $0.number < $1.number }) { loseData(of: file, &generator) }
        let kept = Int.random(in: 0...changes.count, using: &generator)
        for change in changes[kept...].reversed() { takeBack(change) }
    }

    private func loseData(of file: File, _ generator: inout some RandomNumberGenerator) {
        guard let status = try? file.descriptor.status() else { return }
        let losesAll = Bool.random(using: &generator)
        for old in file.overwritten.reversed() where losesAll || Bool.random(using: &generator) {
            let pages = (old.bytes.count + 4095) / 4096
            let from = losesAll ? 0 : Int.random(in: 0...pages, using: &generator) * 4096
            guard from < old.bytes.count else { continue }
            old.bytes[from...].withUnsafeBytes {
                _ = pwrite(file.descriptor.number, $0.baseAddress, $0.count, off_t(old.offset) + off_t(from))
            }
        }
        if losesAll, let first = file.overwritten.first { ftruncate(file.descriptor.number, off_t(first.size)) }
        // The inode is journalled separately and keeps its mtime.
        let times = [
            timespec(tv_sec: Int(status.mtime.seconds), tv_nsec: Int(status.mtime.nanoseconds)),
            timespec(tv_sec: Int(status.mtime.seconds), tv_nsec: Int(status.mtime.nanoseconds)),
        ]
        futimens(file.descriptor.number, times)
    }

    private func takeBack(_ change: Change) {
        switch change {
        case .made(let place, let isDirectory):
            withLeaf(place) { _ = unlinkat(place.directory.number, $0, isDirectory ? AT_REMOVEDIR : 0) }
        case .renamed(let from, let to):
            withLeaf(from) { old in
                withLeaf(to) { _ = renameat(to.directory.number, $0, from.directory.number, old) }
            }
        case .removed(let place, let grave):
            withLeaf(place) { _ = renameat(AT_FDCWD, grave, place.directory.number, $0) }
        }
    }

    private func note(_ change: Change) { state.withLock { $0.changes.append(change) } }

    /// Saves a file's bytes before they are overwritten.
    private func remember(_ file: Descriptor, at offset: Int64, length: Int) {
        guard let status = try? file.status() else { return }
        var bytes = [UInt8](repeating: 0, count: length)
        bytes.withUnsafeMutableBytes { _ = try? file.read(into: $0, at: offset) }
        let old = Overwritten(offset: offset, bytes: bytes, size: status.size)
        state.withLock { state in
            if state.files[status.inode] == nil {
                state.filesSeen += 1
                state.files[status.inode] = File(number: state.filesSeen, descriptor: file)
            }
            state.files[status.inode]?.overwritten.append(old)
        }
    }

    private func exists(_ place: Location) -> Bool {
        var raw = stat()
        return withLeaf(place) { fstatat(place.directory.number, $0, &raw, AT_SYMLINK_NOFOLLOW) } == 0
    }

    @discardableResult
    private func withLeaf<T>(_ place: Location, _ body: (UnsafePointer<CChar>) -> T) -> T {
        let path = place.leaf.map { CChar(bitPattern: $0) } + [0]
        return path.withUnsafeBufferPointer { body($0.baseAddress!) }
    }
}
