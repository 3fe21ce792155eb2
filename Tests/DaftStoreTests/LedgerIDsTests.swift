// The ids of what came last are in memory only, and no opening, failure or end of a content may show that.

import DaftCore
import DaftSQL
import Testing

@testable import DaftStore

@Suite struct LedgerIDsTests {
    let fixture = Fixture()
    let made = (1...20).map { Made(seed: $0, size: 1_000) }

    private func expect(_ store: Store, keeps kept: [Made], not gone: [Made] = []) throws {
        for one in kept {
            #expect(try store.extent(of: one.id) == .complete)
            let place = try store.whereabouts(of: one.manifest.chunks[0])
            #expect(place?.content == one.id && place?.chunk == 0)
        }
        for one in gone {
            #expect(try store.extent(of: one.id) == .nothing)
            #expect(try store.whereabouts(of: one.manifest.chunks[0]) == nil)
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

    /// The number of a content that is gone would be one whose ids are believed to be in their tables.
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
            #expect(try store.whereabouts(of: manifest.chunks[0])?.content == manifest.contentID)
        }
    }

    @Test(arguments: [1, 2]) func aStoreOfAnEarlierFormatIsTakenOver(version: Int) throws {
        do {
            let store = try fixture.open()
            try store.keepWhole(made)
            try store.put(Made(seed: 99, size: 9_000), at: "/a")
            #expect(try keptIDs(store).count == made.count + 1)
            store.close()
        }
        do {
            let ledger = try Database(path: fixture.path + "/.daft/store.sqlite", durable: false)
            try ledger.execute(
                """
                CREATE TABLE old(number INTEGER PRIMARY KEY, content BLOB NOT NULL UNIQUE, size INTEGER NOT NULL,
                    chunk_size INTEGER NOT NULL, complete INTEGER NOT NULL, synced INTEGER NOT NULL,
                    inode INTEGER NOT NULL, manifest BLOB NOT NULL);
                INSERT INTO old SELECT * FROM contents;
                DROP TABLE contents;
                ALTER TABLE old RENAME TO contents;
                DROP TABLE ids;
                DELETE FROM about WHERE key = 'settled';
                PRAGMA user_version = \(version);
                """)
            if version == 1 { try ledger.execute("DROP TABLE spread") }
        }
        let store = try fixture.open()
        try expect(store, keeps: made)
        #expect(try store.names(of: Made(seed: 99, size: 9_000).id) == [name("/a")])
        let other = Made(seed: 2, size: 9_000)
        try store.fillWhole(other, only: [0]).pause()
        try store.note([NamedEntry(name("/o"), other.entry())])
        #expect(try store.noted(after: nil, limit: 9).map(\.name) == [name("/o")])
    }
}
