// A damaged ledger is reported, and no file is removed because of it.

import DaftModel
import DaftSQL
import Testing

@testable import DaftStore

@Suite struct DamageTests {
    let fixture = Fixture()

    @Test(arguments: [
        // Another chunk id in a manifest: the right bytes would look wrong.
        """
        UPDATE contents SET manifest = CAST(substr(manifest, 1, 50) || x'00' || substr(manifest, 52) AS BLOB)
        WHERE number = 1
        """,
        // A name attributed to another content: its file would look wrong.
        "UPDATE names SET number = 1 WHERE number = 2",
    ]) func aFileIsNotTakenAwayForWhatIsWrongInTheLedger(sql: String) throws {
        let (first, second) = (Made(seed: 1, size: 10_000), Made(seed: 2, size: 10_000))
        do {
            let store = try fixture.open()
            try store.put(first, at: "/a")
            try store.put(second, at: "/b")
            store.close()
        }
        try Database(path: fixture.path + "/.daft/store.sqlite", durable: false).execute(sql)
        let store = try fixture.open()
        #expect(failureKind { _ = try store.check(first.id) } == .malformed)
        #expect(fixture.contents("/a") == first.bytes && fixture.contents("/b") == second.bytes)
    }
}
