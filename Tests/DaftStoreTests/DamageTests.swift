// A bad disk has changed what a store knows of what it keeps: that is said, and no file is taken away for it.

import DaftModel
import DaftSQL
import Testing

@testable import DaftStore

@Suite struct DamageTests {
    let fixture = Fixture()

    @Test(arguments: [
        // Another chunk's id in a manifest: the right bytes would look wrong.
        """
        UPDATE contents SET manifest = CAST(substr(manifest, 1, 50) || x'00' || substr(manifest, 52) AS BLOB)
        WHERE number = 1
        """,
        // A name that counts as another content's: the file under it would look wrong.
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
