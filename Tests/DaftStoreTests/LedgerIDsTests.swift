// Recent ids are only in memory; reopening, failures and dropped contents must not reveal that.

import DaftModel
import DaftSQL
import Testing

@testable import DaftStore

@Suite struct LedgerIDsTests {
    let fixture = Fixture()
    let made = (1...20).map { Made(seed: $0, size: 1_000) }

    private func expect(_ store: Store, keeps kept: [Made], not gone: [Made] = []) throws {
        for one in kept {
            #expect(try store.extent(of: one.id) == .complete)
            let place = try store.chunkLocation(of: one.manifest.chunks[0])
            #expect(place?.content == one.id && place?.chunk == 0)
        }
        for one in gone {
            #expect(try store.extent(of: one.id) == .nothing)
            #expect(try store.chunkLocation(of: one.manifest.chunks[0]) == nil)
        }
    }

    private func keptIDs(_ store: Store) throws -> [ContentID] {
        try store.kept(after: nil, limit: .max).map(\.content)
    }

    @Test func whatCameLastIsFoundBeforeAndAfterAnOpening() throws {
        do {
            let store = try fixture.open()
            try store.keepWhole(made)
            try expect(store, keeps: made)
            store.close()
        }
        let store = try fixture.open()
        try expect(store, keeps: made)
        #expect(try keptIDs(store) == made.map(\.id).sorted())
        try expect(store, keeps: made)
    }

    @Test(arguments: [false, true]) func whatIsDroppedIsNotFound(settled: Bool) throws {
        do {
            let store = try fixture.open()
            try store.keepWhole(made)
            if settled { #expect(try keptIDs(store).count == made.count) }
            for one in made[..<5] { try store.drop(one.id) }
            try expect(store, keeps: Array(made[5...]), not: Array(made[..<5]))
            store.close()
        }
        let store = try fixture.open()
        try expect(store, keeps: Array(made[5...]), not: Array(made[..<5]))
        try store.keepWhole(Array(made[..<5]))
        try expect(store, keeps: made)
    }

    /// A reused number would count as settled although its ids are not in the tables.
    @Test func whatComesAfterTheLastWasDroppedIsFoundAfterAnOpening() throws {
        do {
            let store = try fixture.open()
            try store.keepWhole(Array(made[..<2]))
            #expect(try keptIDs(store).count == 2)
            try store.drop(made[1].id)
            try store.keepWhole([made[2]])
            store.close()
        }
        let store = try fixture.open()
        try expect(store, keeps: [made[0], made[2]], not: [made[1]])
    }

    @Test func aChangeThatFailsLeavesThemAsTheyWere() throws {
        struct Stop: Error {}
        let store = try fixture.open()
        try store.keepWhole([made[0]])
        #expect(throws: (any Error).self) {
            try store.change { ledger in
                try ledger.forget(made[0].id)
                try ledger.complete(made[1].id, made[1].manifest, synced: false, inode: 1) { _ in false }
                try ledger.settle()
                throw Stop()
            }
        }
        try expect(store, keeps: [made[0]], not: [made[1]])
    }

    @Test func moreThanFitInMemoryAreAllFound() throws {
        let store = try fixture.open()
        let many = (0...RecentIDs.limit).map { number in
            let chunk = digest(of: Array("\(number)".utf8))
            return Manifest(size: 4, chunkSize: ChunkSize(4096)!, chunks: [chunk])
        }
        try store.change { ledger in
            for manifest in many {
                try ledger.complete(manifest.contentID, manifest, synced: false, inode: 1) { _ in false }
            }
        }
        #expect(try store.recorded { $0.recent?.numbers.count } == 1)
        for manifest in [many[0], many[RecentIDs.limit / 2], many[RecentIDs.limit]] {
            #expect(try store.chunkLocation(of: manifest.chunks[0])?.content == manifest.contentID)
        }
    }

    /// Tables store only eight bytes of an id.
    @Test func contentsWhoseIdsBeginAlikeAreToldApart() throws {
        let store = try fixture.open()
        let ids = [3, 1, 2].map { end in
            ContentID(bytes: Array(made[0].id.bytes[..<8]) + [UInt8](repeating: end, count: 24))!
        }
        try store.change { ledger in
            for (id, one) in zip(ids, made) {
                try ledger.complete(id, one.manifest, synced: false, inode: 1) { _ in false }
                try ledger.settle()
            }
        }
        #expect(try store.kept(after: nil, limit: 1).map(\.content) == [ids[1]])
        #expect(try store.kept(after: ids[1], limit: 9).map(\.content) == [ids[2], ids[0]])
        #expect(try store.extent(of: made[0].id) == .nothing)
        try store.change { ledger in
            if let number = try ledger.number(of: ids[2]) { try ledger.forgetIDs(ids[2], number, []) }
        }
        #expect(try ids.map { try store.extent(of: $0) } == [.complete, .complete, .nothing])
    }

    @Test(arguments: [1, 2, 3, 4]) func aStoreOfAnEarlierFormatIsTakenOver(version: Int) throws {
        do {
            let store = try fixture.open()
            try store.keepWhole(made)
            try store.put(Made(seed: 99, size: 9_000), at: "/a")
            #expect(try keptIDs(store).count == made.count + 1)
            if version >= 3 { try store.keepWhole(unsettled) }
            store.close()
        }
        try turnBack(try Database(path: fixture.path + "/.daft/store.sqlite", durable: false), to: version)
        let store = try fixture.open()
        let kept = version >= 3 ? made + unsettled : made
        try expect(store, keeps: kept)
        #expect(try keptIDs(store).count == kept.count + 1)
        try expect(store, keeps: kept)
        #expect(try store.names(of: Made(seed: 99, size: 9_000).id) == [name("/a")])
        let other = Made(seed: 2, size: 9_000)
        try store.fillWhole(other, only: [0]).pause()
        try store.note([NamedEntry(name("/o"), other.entry())])
        #expect(try store.noted(after: nil, limit: 9).map(\.name) == [name("/o")])
    }

    /// Earlier versions inserted ids at once.
    private var unsettled: [Made] { (101...104).map { Made(seed: $0, size: 1_000) } }

    /// Rewrites the ledger in an earlier format.
    private func turnBack(_ ledger: Database, to version: Int) throws {
        try ledger.execute("DROP TABLE sources; PRAGMA user_version = \(version)")
        if version == 4 { return }
        try ledger.execute("DROP TABLE ids")
        if version == 3 {
            try ledger.execute(
                """
                CREATE TABLE ids(content BLOB PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
                INSERT INTO ids SELECT content, number FROM contents
                WHERE number <= (SELECT value FROM about WHERE key = 'settled');
                """)
            return
        }
        try ledger.execute(
            """
            CREATE TABLE old(number INTEGER PRIMARY KEY, content BLOB NOT NULL UNIQUE, size INTEGER NOT NULL,
                chunk_size INTEGER NOT NULL, complete INTEGER NOT NULL, synced INTEGER NOT NULL,
                inode INTEGER NOT NULL, manifest BLOB NOT NULL);
            INSERT INTO old SELECT * FROM contents;
            DROP TABLE contents;
            ALTER TABLE old RENAME TO contents;
            DELETE FROM about WHERE key = 'settled';
            """)
        if version == 1 { try ledger.execute("DROP TABLE spread") }
    }
}
