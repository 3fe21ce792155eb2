// Values, transactions and errors of a database.

import DaftSQL
import Testing

@Suite struct DatabaseTests {
    private func memory() throws -> Database {
        let database = try Database(path: ":memory:", durable: false)
        try database.execute("CREATE TABLE t(k INTEGER PRIMARY KEY, v BLOB)")
        return database
    }

    @Test func valuesComeBackAsTheyWentIn() throws {
        let database = try memory()
        try database.run("INSERT INTO t VALUES(?, ?)", .integer(7), .blob([1, 2, 3]))
        try database.run("INSERT INTO t VALUES(?, ?)", .integer(8), .blob([]))
        try database.run("INSERT INTO t VALUES(?, ?)", .integer(9), .null)
        var seen: [(Int64, [UInt8], Bool)] = []
        try database.run("SELECT k, v FROM t ORDER BY k") { seen.append(($0.integer(0), $0.bytes(1), $0.isNull(1))) }
        #expect(seen.map(\.0) == [7, 8, 9])
        #expect(seen.map(\.1) == [[1, 2, 3], [], []])
        #expect(seen.map(\.2) == [false, false, true])
    }

    @Test func aFailedTransactionLeavesNothing() throws {
        let database = try memory()
        struct Stop: Error {}
        #expect(throws: Stop.self) {
            try database.transaction {
                try database.run("INSERT INTO t VALUES(1, NULL)")
                throw Stop()
            }
        }
        #expect(try database.first("SELECT count(*) FROM t", as: { $0.integer(0) }) == 0)
    }

    @Test func anErrorNamesItsStatement() throws {
        let database = try memory()
        #expect { try database.run("SELECT nothing FROM t") } throws: { error in
            (error as? SQLError)?.statement == "SELECT nothing FROM t"
        }
    }
}
