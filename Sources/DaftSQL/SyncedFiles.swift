// SQLite repeats system calls interrupted by a signal except fsync and unlink, whose failure fails the commit. This VFS
// wraps SQLite's own and repeats these too.

import CSQLite
import Glibc
import Synchronization

private typealias Methods = UnsafePointer<sqlite3_io_methods>

/// SQLite's VFSs. The second locks a database for the process's lifetime and keeps the shared memory of connections on
/// the heap.
private nonisolated(unsafe) let usualFiles: UnsafeMutablePointer<sqlite3_vfs>? = sqlite3_vfs_find(nil)
private nonisolated(unsafe) let exclusiveFiles: UnsafeMutablePointer<sqlite3_vfs>? = sqlite3_vfs_find("unix-excl")

/// Maps our file methods to SQLite's; two or three sets, for the process's lifetime.
private let addresses = Mutex<[UInt: UInt]>([:])

/// The VFS for normal databases.
nonisolated(unsafe) let sharedVFS = register("daft", over: usualFiles)
/// The VFS for databases exclusive to this process, which may have several connections to it.
nonisolated(unsafe) let exclusiveVFS = register("daft-exclusive", over: exclusiveFiles)

private func register(_ name: String, over found: UnsafeMutablePointer<sqlite3_vfs>?) -> UnsafePointer<CChar>? {
    guard let found, let name = strdup(name) else { return nil }
    let files = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
    files.initialize(to: found.pointee)
    files.pointee.zName = UnsafePointer(name)
    files.pointee.xOpen = { own, path, file, flags, opened in
        guard let found = base(of: own) else { return SQLITE_CANTOPEN }
        let status = found.pointee.xOpen(found, path, file, flags, opened)
        if let file, let found = file.pointee.pMethods { file.pointee.pMethods = standIn(for: found) }
        return status
    }
    files.pointee.xDelete = { own, path, syncsDirectory in
        guard let found = base(of: own) else { return SQLITE_IOERR }
        while true {
            let status = found.pointee.xDelete(found, path, syncsDirectory)
            if status == SQLITE_OK || errno != EINTR { return status }
        }
    }
    return sqlite3_vfs_register(files, 0) == SQLITE_OK ? UnsafePointer(name) : nil
}

private func base(of own: UnsafeMutablePointer<sqlite3_vfs>?) -> UnsafeMutablePointer<sqlite3_vfs>? {
    guard let own, let exclusiveVFS, own.pointee.zName == exclusiveVFS else { return usualFiles }
    return exclusiveFiles
}

private func standIn(for found: Methods) -> Methods? {
    let address = UInt(bitPattern: found)
    let ours = addresses.withLock { addresses in
        if let known = addresses.first(where: { $0.value == address }) { return known.key }
        let made = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
        made.initialize(to: Methods(bitPattern: address)!.pointee)
        made.pointee.xSync = { file, flags in sync(file, flags) }
        addresses[UInt(bitPattern: made)] = address
        return UInt(bitPattern: made)
    }
    return Methods(bitPattern: ours)
}

private func sync(_ file: UnsafeMutablePointer<sqlite3_file>?, _ flags: Int32) -> Int32 {
    let ours = UInt(bitPattern: file?.pointee.pMethods)
    guard let usual = addresses.withLock({ $0[ours] }).flatMap({ Methods(bitPattern: $0) }) else { return SQLITE_IOERR }
    while true {
        let status = usual.pointee.xSync(file, flags)
        var code: Int32 = 0
        _ = usual.pointee.xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &code)
        if status == SQLITE_OK || code != EINTR { return status }
    }
}
