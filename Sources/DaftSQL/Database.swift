// SQLite in Swift words: one connection, prepared statements that are prepared once, one error. Both the catalogue and
// the store's own record stand on it. A database is used by one thread at a time; its owner sees to that.

import CSQLite
import Glibc
import Synchronization

/// What SQLite says went wrong, and the statement it was about.
public struct SQLError: Error, Hashable, Sendable {
    public let code: Int32
    public let message: String
    public let statement: String

    /// What the operating system gave as the reason, or 0.
    public var systemCode: Int32 = 0

    /// The disk is full, or the quota used up.
    public var isFull: Bool { code & 0xff == SQLITE_FULL || systemCode == ENOSPC || isOverQuota }
    public var isOverQuota: Bool { systemCode == EDQUOT }
    /// Another process has the database.
    public var isBusy: Bool { code & 0xff == SQLITE_BUSY }
    /// The file is no database, or a damaged one.
    public var isCorrupt: Bool { code & 0xff == SQLITE_CORRUPT || code & 0xff == SQLITE_NOTADB }
}

public final class Database {
    fileprivate let handle: OpaquePointer
    private var prepared: [String: Statement] = [:]
    private let claim: ExclusiveClaim?

    /// Opens or makes the database at `path`, in WAL mode. `durable`: a commit is on the disk when it returns. `alone`:
    /// no other process may open it meanwhile, and in this one only readers may. `isShared`: members of its group may
    /// open it at another time; then no symlink is in its path.
    public init(
        path: [UInt8], durable: Bool, alone: Bool = false, isShared: Bool = false, cacheBytes: Int = 64 << 20
    ) throws(SQLError) {
        Database.make(path, mode: isShared ? 0o660 : 0o600)
        var flags = SQLITE_OPEN_CREATE
        // Whoever may put a symlink there must not have another file opened.
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

    /// A further connection to a database that this process has open alone. It only reads, and sees what was committed
    /// when each statement, or `reading`, began.
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

    /// The database has this mode, whatever the umask is; SQLite gives its logs the same. What fails here SQLite says.
    private static func make(_ path: [UInt8], mode: mode_t) {
        // SQLite's word for one that is in no file.
        if path.elementsEqual(":memory:".utf8) { return }
        (path + [0]).withUnsafeBufferPointer { bytes in
            bytes.withMemoryRebound(to: CChar.self) { path in
                guard let path = path.baseAddress else { return }
                // Never one that is there: to close it would end all locks that this process has on it.
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

    /// Runs statements that return nothing of interest, one or several.
    public func execute(_ sql: String) throws(SQLError) {
        guard sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK else { throw error(sql) }
    }

    /// The statement for `sql`, prepared at its first use and kept.
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

    /// Runs one statement with these values and hands each row to `body`.
    public func run<E: Error>(
        _ sql: String, _ values: SQLValue..., each body: (borrowing Row) throws(E) -> Void
    ) throws {
        let statement = try statement(sql)
        defer { statement.reset() }
        try statement.bind(values)
        while try statement.step() { try body(Row(statement)) }
    }

    /// As `run`, as long as `body` wants more.
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

    /// The first column of the first row, if there is one.
    public func first<T>(_ sql: String, _ values: SQLValue..., as read: (borrowing Row) -> T) throws(SQLError) -> T? {
        let statement = try statement(sql)
        defer { statement.reset() }
        try statement.bind(values)
        return try statement.step() ? read(Row(statement)) : nil
    }

    /// All of `body` or nothing: an error rolls back.
    public func transaction<T, E: Error>(_ body: () throws(E) -> T) throws -> T {
        try run("BEGIN IMMEDIATE")
        do {
            let value = try body()
            try run("COMMIT")
            return value
        } catch {
            if sqlite3_get_autocommit(handle) == 0 { try? run("ROLLBACK") }
            throw error
        }
    }

    /// Many questions as one: each by itself begins and ends a transaction, which takes as long as its answer.
    public func reading<T>(_ body: () throws -> T) throws -> T {
        guard sqlite3_get_autocommit(handle) != 0 else { return try body() }
        try run("BEGIN")
        defer { if sqlite3_get_autocommit(handle) == 0 { try? run("COMMIT") } }
        return try body()
    }

    public var lastInsertedRow: Int64 { sqlite3_last_insert_rowid(handle) }

    /// What was written without waiting for the disk, by somebody to whom it did not matter, is on it from now on.
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
        // A read that the system refuses is called damage; but nobody is to be told to throw away what is whole.
        if code & 0xff == SQLITE_CORRUPT, codeOfFiles(handle) != 0 {
            (code, message) = (SQLITE_IOERR, "disk I/O error")
        }
        // Of other errors it says what came of an earlier call.
        let isOfSystem = [SQLITE_IOERR, SQLITE_CANTOPEN].contains(code & 0xff)
        let systemCode = isOfSystem ? systemCode(handle) : 0
        return SQLError(
            code: code, message: message + reason(systemCode), statement: statement, systemCode: systemCode)
    }

    private static func reason(_ systemCode: Int32) -> String {
        systemCode == 0 ? "" : ": " + String(cString: strerror(systemCode))
    }

    /// SQLite does not remember why a commit failed; its files do.
    private static func systemCode(_ handle: OpaquePointer) -> Int32 {
        let code = codeOfFiles(handle)
        return code == 0 ? sqlite3_system_errno(handle) : code
    }

    /// What the system said of the last call for the log or the database that it refused; 0: it has refused none.
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

    /// The database, or its log.
    private static func file(_ which: Int32, _ handle: OpaquePointer) -> UnsafeMutablePointer<sqlite3_file>? {
        var file: UnsafeMutablePointer<sqlite3_file>?
        return sqlite3_file_control(handle, "main", which, &file) == SQLITE_OK ? file : nil
    }
}

/// That one connection of this process may write to a database: locks of the system tell processes apart, not these.
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
        let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)  // SQLite keeps a copy of its own
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

/// The row a statement stands on; valid until the next step.
public struct Row: ~Copyable {
    private let statement: Statement

    fileprivate init(_ statement: Statement) { self.statement = statement }

    public func isNull(_ column: Int) -> Bool { sqlite3_column_type(statement.handle, Int32(column)) == SQLITE_NULL }
    public func integer(_ column: Int) -> Int64 { sqlite3_column_int64(statement.handle, Int32(column)) }
    public func word(_ column: Int) -> UInt64 { UInt64(bitPattern: integer(column)) }

    /// Lends a blob for the length of a call.
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
