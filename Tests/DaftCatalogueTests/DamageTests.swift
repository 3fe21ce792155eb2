// A catalogue file changed by others or by a bad disk: inconsistencies are reported as damage, without crash, endless
// loop or unbounded memory.

import DaftModel
import DaftSQL
import Testing

@testable import DaftCatalogue

@Suite struct DamageTests {
    private let records: [Record] = [
        system(), store(0), store(1), directory("/d"), content(1, [1, 2], in: BitSet([0])), file("/d/f", 1),
        keeps([1], [1], .part(BitSet([1]))), content(2, [3]),
    ]

    /// Writes a catalogue, changes it by `sql`, and passes the reopened catalogue to `body`.
    private func damaged(_ sql: String, _ body: (Catalogue) throws -> Void) throws {
        let place = Place()
        do {
            let catalogue = try Catalogue(path: place.file)
            try catalogue.append(records)
            catalogue.close()
        }
        do { try Database(path: place.file, durable: false).execute(sql) }
        try body(try Catalogue(path: place.file))
    }

    private func isDamage(_ sql: String, _ question: (Catalogue) throws -> Void = { _ in }) -> Bool {
        do {
            try damaged(sql, question)
            return false
        } catch {
            return (error as? Failure)?.kind == .corrupt
        }
    }

    @Test(arguments: ["-1", "2", "9223372036854775807", "-9223372036854775808"])
    func aPartInAStoreThatThereIsNotIsDamage(number: String) {
        let sql = "UPDATE parts SET store = \(number)"
        #expect(isDamage(sql) { _ = try $0.holders(of: id(1)) })
        #expect(isDamage(sql) { try $0.append([keeps([1], [0], .nothing)]) })
    }

    /// A flipped bit would otherwise yield another valid id or name.
    @Test func aRecordThatIsNotWhatWasWrittenIsDamage() {
        for (table, question) in [
            ("contents", { _ = try $0.manifest(id(1)) }), ("entries", { _ = try $0.entry(name("/d/f")) }),
            ("entries", { _ = try $0.below(.root, after: nil, limit: 9) }),
            ("contents", { _ = try $0.delta(after: .empty, limitBytes: 1 << 20) }),
        ] as [(String, (Catalogue) throws -> Void)] {
            let sql = """
                UPDATE journal SET record = CAST(substr(record, 1, 20) || x'ff' || substr(record, 22) AS BLOB)
                WHERE state IN (SELECT born FROM \(table))
                """
            #expect(isDamage(sql, question))
        }
    }

    @Test func aRowThatPointsToAnothersRecordIsDamage() {
        let entry = "UPDATE entries SET born = (SELECT born FROM entries WHERE name = x'2f64') WHERE name = x'2f642f66'"
        #expect(isDamage(entry) { _ = try $0.entry(name("/d/f")) })
        #expect(isDamage(entry) { _ = try $0.below(.root, after: nil, limit: 9) })
        let content = "UPDATE contents SET born = (SELECT born FROM contents WHERE number = 1) WHERE number = 0"
        #expect(isDamage(content) { _ = try $0.manifest(id(1)) })
    }

    @Test func aNameWhoseContentIsNotKnownIsDamage() {
        #expect(isDamage("DELETE FROM ids; UPDATE standing SET settled = 2") { _ = try $0.manifest(ofNamed: id(1)) })
    }

    @Test func aContentInStoresThatThereAreNotIsDamage() {
        let stores = hexadecimal(BitSet([0, 4_000]).encoded)
        let sql = "UPDATE contents SET complete = x'\(stores)'"
        #expect(isDamage(sql) { try $0.append([keeps([1], [0], .nothing)]) })
    }

    @Test(arguments: ["-1", "7", "9223372036854775807"]) func aStoreWithAnotherNumberThanItsOwnIsDamage(number: String)
    {
        #expect(isDamage("UPDATE stores SET number = \(number) WHERE number = 1"))
    }

    @Test(arguments: ["entries", "contents", "chunks", "bytes", "settled"])
    func aCountThatNothingCountsUpToIsDamage(column: String) {
        for number in ["-1", "9223372036854775807"] {
            #expect(isDamage("UPDATE standing SET \(column) = \(number)"))
        }
    }

    @Test(arguments: ["-1", "9223372036854775807"]) func aContentWithANumberBeyondAllIsDamage(number: String) {
        let sql = "UPDATE contents SET number = \(number) WHERE number = 1"
        #expect(isDamage(sql) { _ = try $0.lacking(from: .min, limit: 10, among: BitSet([0, 1])) })
    }

    /// Regression: this was an endless loop.
    @Test func theHoldingsOfAStoreComeToAnEndWhateverStandsInTheTables() {
        let sql = "UPDATE contents SET id = zeroblob(32)"
        #expect(isDamage(sql) { _ = try $0.holdings(of: 0, after: nil, limit: 10) })
        #expect(isDamage("UPDATE ids SET content = 0") { _ = try $0.holdings(of: 0, after: nil, limit: 10) })
    }
}
