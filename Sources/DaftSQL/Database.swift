// A thin wrapper of SQLite: one connection, cached prepared statements, one error type. Used by catalogue and ledger.
// Not thread-safe; the owner serializes access.

import CSQLite
import Glibc
import Synchronization

/// SQLite's error and the statement concerned.
public struct SQLError: Error, Hashable, Sendable {
    public let code: Int32
    public let message: String
    public let statement: String

    /// The errno behind it, or 0.
    public var systemCode: Int32 = 0

    /// The disk or quota is full.
    public var isFull: Bool { code & 0xff == SQLITE_FULL || systemCode == ENOSPC || isOverQuota }
    public var isOverQuota: Bool { systemCode == EDQUOT }
    /// Another process has locked the database.
    public var isBusy: Bool { code & 0xff == SQLITE_BUSY }
    /// The file is damaged or no database.
    public var isCorrupt: Bool { code & 0xff == SQLITE_CORRUPT || code & 0xff == SQLITE_NOTADB }
}

public final class Database {
    fileprivate let handle: OpaquePointer
    private var prepared: [String: Statement] = [:]
    private let claim: ExclusiveClaim?

    /// Opens or creates the database at `path`, in WAL mode. `durable`: commits are synced. `alone`: no other process
    /// may open it, and in this one only readers may. `isShared`: members of its group may open it later; its path must
    /// have no symlink.
    public init(
        path: [UInt8], durable: Bool, alone: Bool = false, isShared: Bool = false, cacheBytes: Int = 64 << 20
    ) throws(SQLError) {
        Database.make(path, mode: isShared ? 0o660 : 0o600)
        var flags = SQLITE_OPEN_CREATE
        // A symlink placed by a member must not open another file.
        if isShared { flags |= SQLITE_OPEN_NOFOLLOW }
        handle = try Database.open(path, flags, alone ? exclusiveVFS : sharedVFS)
        claim = alone ? ExclusiveClaim(path) : nil
        if alone, claim == nil {
            throw SQLError(code: SQLITE_BUSY, message: "open elsewhere in this process", statement: "open")
        }
        sqlite3_busy_timeout(handle, alone ? 0 : 5_000)
        try execute("PRAGMA journal_mode = WAL")
        try execute("PRAGMA synchronous = \(durable ? "FULL" : "OFF")")
        try execute("PRAGMA cache_size = \(-cacheBytes / 1024)")
        try execute("PRAGMA wal_autocheckpoint = 4000")
        if durable { try sync() }
    }

    /// A read-only connection to a database that this process has open exclusively. It sees the state committed when a
    /// statement, or `reading`, begins.
    public init(readerOf path: [UInt8], cacheBytes: Int) throws(SQLError) {
        handle = try Database.open(path, 0, exclusiveVFS)
        claim = nil
        try execute("PRAGMA query_only = 1")
        try execute("PRAGMA cache_size = \(-cacheBytes / 1024)")
    }

    private static func open(
        _ path: [UInt8], _ flags: Int32, _ files: UnsafePointer<CChar>?
    ) throws(SQLError) -> OpaquePointer {
        var opened: OpaquePointer?
        let status = (path + [0]).withUnsafeBufferPointer { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                sqlite3_open_v2($0.baseAddress, &opened, flags | SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, files)
            }
        }
        guard status == SQLITE_OK, let opened else {
            let error = Database.error(opened, "open " + String(decoding: path, as: UTF8.self))
            sqlite3_close_v2(opened)
            throw error
        }
        sqlite3_extended_result_codes(opened, 1)
        return opened
    }

    /// Creates the database with this mode regardless of the umask; SQLite gives its logs the same. SQLite reports
    /// errors.
    private static func make(_ path: [UInt8], mode: mode_t) {
        // SQLite's name of an in-memory database.
        if path.elementsEqual(":memory:".utf8) { return }
        (path + [0]).withUnsafeBufferPointer { bytes in
            bytes.withMemoryRebound(to: CChar.self) { path in
                guard let path = path.baseAddress else { return }
                // Never open an existing file: closing it would release all of this process's locks on it.
                let file = Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode)
                if file >= 0 {
                    fchmod(file, mode)
                    close(file)
                }
                var status = stat()
                guard lstat(path, &status) == 0, status.st_mode & (S_IFMT | 0o077) != S_IFREG | mode & 0o077 else {
                    return
                }
                if mode == 0o600 { chmod(path, mode) } else { fchmodat(AT_FDCWD, path, mode, AT_SYMLINK_NOFOLLOW) }
            }
        }
    }

    public convenience init(
        path: String, durable: Bool, alone: Bool = false, cacheBytes: Int = 64 << 20
    ) throws(SQLError) {
        try self.init(path: Array(path.utf8), durable: durable, alone: alone, cacheBytes: cacheBytes)
    }

    deinit {
        prepared.removeAll()
        sqlite3_close_v2(handle)
    }

    /// Runs one or several statements without results.
    public func execute(_ sql: String) throws(SQLError) {
        guard sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK else { throw error(sql) }
    }

    /// The prepared statement for `sql`, cached.
    public func statement(_ sql: String) throws(SQLError) -> Statement {
        if let known = prepared[sql] { return known }
        var made: OpaquePointer?
        guard sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &made, nil) == SQLITE_OK,
            let made
        else { throw error(sql) }
        let statement = Statement(made, of: self, sql)
        prepared[sql] = statement
        return statement
    }

    /// Runs a statement with these values and passes each row to `body`.
    public func run<E: Error>(
        _ sql: String, _ values: SQLValue..., each body: (borrowing Row) throws(E) -> Void
    ) throws {
        let statement = try statement(sql)
        defer { statement.reset() }
        try statement.bind(values)
        while try statement.step() { try body(Row(statement)) }
    }

    /// Like `run`, until `body` returns false.
    public func scan<E: Error>(
        _ sql: String, _ values: SQLValue..., while body: (borrowing Row) throws(E) -> Bool
    ) throws {
        let statement = try statement(sql)
        defer { statement.reset() }
        try statement.bind(values)
        while try statement.step() { if try !body(Row(statement)) { return } }
    }

    public func run(_ sql: String, _ values: SQLValue...) throws(SQLError) {
        let statement = try statement(sql)
        defer { statement.reset() }
        try statement.bind(values)
        while try statement.step() {}
    }

    /// The first column of the first row, if any.
    public func first<T>(_ sql: String, _ values: SQLValue..., as read: (borrowing Row) -> T) throws(SQLError) -> T? {
        let statement = try statement(sql)
        defer { statement.reset() }
        try statement.bind(values)
        return try statement.step() ? read(Row(statement)) : nil
    }

    /// Runs `body` in a transaction; an error rolls back.
    public func transaction<T, E: Error>(_ body: () throws(E) -> T) throws -> T {
        try transaction("BEGIN IMMEDIATE", body)
    }

    private func transaction<T, E: Error>(_ begin: String, _ body: () throws(E) -> T) throws -> T {
        try run(begin)
        do {
            let value = try body()
            try run("COMMIT")
            return value
        } catch {
            // The caller gets the first error. If the rollback fails, so does the next BEGIN IMMEDIATE.
            if sqlite3_get_autocommit(handle) == 0 { try? run("ROLLBACK") }
            throw error
        }
    }

    /// Runs queries in one read transaction, since one per query takes as long as the query.
    public func reading<T>(_ body: () throws -> T) throws -> T {
        guard sqlite3_get_autocommit(handle) != 0 else { return try body() }
        return try transaction("BEGIN", body)
    }

    public var lastInsertedRow: Int64 { sqlite3_last_insert_rowid(handle) }

    /// Syncs what an earlier, non-durable connection wrote.
    private func sync() throws(SQLError) {
        guard let file = Database.file(SQLITE_FCNTL_FILE_POINTER, handle), let methods = file.pointee.pMethods else {
            return
        }
        let code = methods.pointee.xSync(file, SQLITE_SYNC_NORMAL)
        guard code != SQLITE_OK else { return }
        let systemCode = Database.codeOfFiles(handle)
        let reason = "disk I/O error" + Database.reason(systemCode)
        throw SQLError(code: code, message: reason, statement: "sync", systemCode: systemCode)
    }

    fileprivate func error(_ statement: String) -> SQLError { Database.error(handle, statement) }

    private static func error(_ handle: OpaquePointer?, _ statement: String) -> SQLError {
        guard let handle else { return SQLError(code: SQLITE_NOMEM, message: "out of memory", statement: statement) }
        var code = sqlite3_extended_errcode(handle)
        var message = String(cString: sqlite3_errmsg(handle))
        // SQLite reports an unreadable file as damaged; report the I/O error, so that nobody discards an intact file.
        if code & 0xff == SQLITE_CORRUPT, codeOfFiles(handle) != 0 {
            (code, message) = (SQLITE_IOERR, "disk I/O error")
        }
        // For other errors, the system error may be that of an earlier call.
        let isOfSystem = [SQLITE_IOERR, SQLITE_CANTOPEN].contains(code & 0xff)
        let systemCode = isOfSystem ? systemCode(handle) : 0
        return SQLError(
            code: code, message: message + reason(systemCode), statement: statement, systemCode: systemCode)
    }

    private static func reason(_ systemCode: Int32) -> String {
        systemCode == 0 ? "" : ": " + String(cString: strerror(systemCode))
    }

    /// SQLite does not keep the cause of a failed commit, but its file handles do.
    private static func systemCode(_ handle: OpaquePointer) -> Int32 {
        let code = codeOfFiles(handle)
        return code == 0 ? sqlite3_system_errno(handle) : code
    }

    /// The errno of the last failed call on the log or database file; 0: none failed.
    private static func codeOfFiles(_ handle: OpaquePointer) -> Int32 {
        for which in [SQLITE_FCNTL_JOURNAL_POINTER, SQLITE_FCNTL_FILE_POINTER] {
            var code: Int32 = 0
            guard let file = file(which, handle), let methods = file.pointee.pMethods,
                methods.pointee.xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &code) == SQLITE_OK, code != 0
            else { continue }
            return code
        }
        return 0
    }

    /// The database file, or its log.
    private static func file(_ which: Int32, _ handle: OpaquePointer) -> UnsafeMutablePointer<sqlite3_file>? {
        var file: UnsafeMutablePointer<sqlite3_file>?
        return sqlite3_file_control(handle, "main", which, &file) == SQLITE_OK ? file : nil
    }
}

/// Ensures one writing connection per database in this process: POSIX locks only exclude other processes.
private final class ExclusiveClaim {
    private static let claimed = Mutex<Set<[UInt64]>>([])
    private let file: [UInt64]

    init?(_ path: [UInt8]) {
        var status = stat()
        let isThere = (path + [0]).withUnsafeBufferPointer { bytes in
            bytes.withMemoryRebound(to: CChar.self) { stat($0.baseAddress!, &status) == 0 }
        }
        file = isThere ? [UInt64(status.st_dev), UInt64(status.st_ino)] : []
        let isFirst = ExclusiveClaim.claimed.withLock { [file] in file.isEmpty || $0.insert(file).inserted }
        if !isFirst { return nil }
    }

    deinit { _ = ExclusiveClaim.claimed.withLock { [file] in $0.remove(file) } }
}

public enum SQLValue: Sendable {
    case null
    case integer(Int64)
    case blob([UInt8])

    public static func integer(_ value: some BinaryInteger) -> SQLValue { .integer(Int64(truncatingIfNeeded: value)) }
    public static func blob(_ value: [UInt8]?) -> SQLValue { value.map { .blob($0) } ?? .null }
}

public final class Statement {
    private unowned let database: Database
    fileprivate let handle: OpaquePointer
    private let sql: String

    fileprivate init(_ handle: OpaquePointer, of database: Database, _ sql: String) {
        self.handle = handle
        self.database = database
        self.sql = sql
    }

    deinit { sqlite3_finalize(handle) }

    fileprivate func bind(_ values: [SQLValue]) throws(SQLError) {
        for (i, value) in values.enumerated() {
            let column = Int32(i + 1)
            let status =
                switch value {
                case .null: sqlite3_bind_null(handle, column)
                case .integer(let number): sqlite3_bind_int64(handle, column, number)
                case .blob(let bytes): bindBlob(bytes, column)
                }
            guard status == SQLITE_OK else { throw database.error(sql) }
        }
    }

    private func bindBlob(_ bytes: [UInt8], _ column: Int32) -> Int32 {
        guard !bytes.isEmpty else { return sqlite3_bind_zeroblob(handle, column, 0) }
        let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)  // SQLite makes its own copy
        return bytes.withUnsafeBytes { sqlite3_bind_blob(handle, column, $0.baseAddress, Int32($0.count), transient) }
    }

    fileprivate func step() throws(SQLError) -> Bool {
        switch sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default: throw database.error(sql)
        }
    }

    fileprivate func reset() {
        sqlite3_reset(handle)
        sqlite3_clear_bindings(handle)
    }
}

/// The current row of a statement; valid until the next step.
public struct Row: ~Copyable {
    private let statement: Statement

    fileprivate init(_ statement: Statement) { self.statement = statement }

    public func isNull(_ column: Int) -> Bool { sqlite3_column_type(statement.handle, Int32(column)) == SQLITE_NULL }
    public func integer(_ column: Int) -> Int64 { sqlite3_column_int64(statement.handle, Int32(column)) }
    public func word(_ column: Int) -> UInt64 { UInt64(bitPattern: integer(column)) }

    /// Provides a blob for the duration of the call.
    public func withBytes<T, E: Error>(
        _ column: Int, _ body: (UnsafeRawBufferPointer) throws(E) -> T
    ) throws(E) -> T {
        let length = Int(sqlite3_column_bytes(statement.handle, Int32(column)))
        let start = length > 0 ? sqlite3_column_blob(statement.handle, Int32(column)) : nil
        return try body(UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : length))
    }

    public func bytes(_ column: Int) -> [UInt8] {
        let length = Int(sqlite3_column_bytes(statement.handle, Int32(column)))
        guard length > 0, let start = sqlite3_column_blob(statement.handle, Int32(column)) else { return [] }
        return Array(UnsafeRawBufferPointer(start: start, count: length))
    }
}
