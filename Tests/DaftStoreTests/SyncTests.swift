// A failed sync is not repaired by a later success, since the kernel takes the unwritten pages for written. Data is
// rewritten, or directories synced again, before anything counts.
import DaftModel
import DaftStore
import Glibc
import Synchronization
import TestDisk
import Testing

/// Fails some syncs and counts the others.
private final class UnsyncingDisk: FaultyDisk, @unchecked Sendable {
    private let state = Mutex((files: 0, directories: 0, synced: 0))

    func failNext(files: Int = 0, directories: Int = 0) {
        state.withLock { $0 = (files, directories, 0) }
    }

    var syncedDirectories: Int { state.withLock { $0.synced } }

    override func sync(file: Descriptor) throws(SystemError) {
        try fail {
            $0.files -= 1; return $0.files >= 0
        }
        try super.sync(file: file)
    }

    override func sync(directory: Descriptor) throws(SystemError) {
        try fail {
            $0.directories -= 1; return $0.directories >= 0
        }
        try super.sync(directory: directory)
        state.withLock { $0.synced += 1 }
    }

    private func fail(
        _ isDue: (inout (files: Int, directories: Int, synced: Int)) -> Bool
    ) throws(SystemError) {
        if state.withLock({ isDue(&$0) }) { throw SystemError(code: EIO, call: "fsync") }
    }
}

@Suite struct SyncTests {
    private let fixture: Fixture
    private let disk: UnsyncingDisk
    private let made = Made(seed: 1, size: 18_000)

    init() {
        fixture = Fixture(durable: true)
        disk = UnsyncingDisk(graveyard: fixture.directory + "/graves")
        fixture.options.disk = disk
    }

    @Test(arguments: [true, false]) func whatCouldNotBeSyncedComesAnew(isFile: Bool) throws {
        let store = try fixture.open()
        let partialFile = try store.fillWhole(made)
        disk.failNext(files: isFile ? 1 : 0, directories: isFile ? 0 : 1)
        #expect(throws: Failure.self) { try partialFile.checkpoint() }
        #expect(throws: Failure.self, "a second try tells nothing") { try partialFile.checkpoint() }
        #expect(throws: Failure.self) { try partialFile.finish() }
        #expect(throws: Failure.self) { try partialFile.write(made, 0) }
        #expect(try store.extent(of: made.id) == .nothing)
        #expect(fixture.partials == [])
        let again = try store.fillWhole(made)
        try again.finish()
        #expect(try store.extent(of: made.id) == .complete)
    }

    @Test func aFileReadInThatCouldNotBeSyncedIsReadAgain() throws {
        let store = try fixture.open()
        let key = digest(of: [1])
        let ingest = try store.ingest(key, size: made.manifest.size, chunkSize: made.manifest.chunkSize)
        for chunk in made.manifest.chunks.indices { try ingest.write(made, chunk) }
        try ingest.checkpoint()
        disk.failNext(files: 1)
        #expect(throws: Failure.self) { try ingest.finish(as: made.id, made.manifest) }
        #expect(try store.extent(of: made.id) == .nothing)
        #expect(fixture.partials == [])
        let again = try store.ingest(key, size: made.manifest.size, chunkSize: made.manifest.chunkSize)
        #expect(again.have.isEmpty && !again.mayHold(0))
    }

    @Test func directoriesThatCouldNotBeSyncedAreSyncedAgainBeforeNamesCount() throws {
        let store = try fixture.open()
        try store.fillWhole(made).finish()
        let entries = [NamedEntry(name("/d/a"), made.entry())]
        disk.failNext(directories: 1)
        #expect(throws: Failure.self) { try store.place(entries) }
        disk.failNext()
        #expect(try store.place(entries) == [])
        #expect(disk.syncedDirectories == 1, "the one that it stands in")
        disk.failNext()
        try store.syncDirectories()
        #expect(disk.syncedDirectories == 2, "the store's own, too")
        disk.failNext()
        try store.syncDirectories()
        #expect(disk.syncedDirectories == 0, "once is enough")
    }

    @Test func aDirectoryThatLooksAsItShouldIsNotTrustedAfterASyncThatFailed() throws {
        let store = try fixture.open()
        let entries = [
            NamedEntry(name("/d"), Entry(.directory, mode: 0o750, mtime: Time(seconds: 9, nanoseconds: 0)))
        ]
        #expect(try store.place(entries) == [])
        disk.failNext(directories: 1)
        #expect(store.finishDirectories(entries).count == 1)
        disk.failNext()
        #expect(store.finishDirectories(entries) == [])
        #expect(disk.syncedDirectories == 1, "it has its time and mode, and is synced all the same")
        try store.syncDirectories()
        disk.failNext()
        #expect(store.finishDirectories(entries) == [])
        #expect(disk.syncedDirectories == 0, "from then on it is trusted")
    }

    @Test func whatAnInterruptedRunLeftOfAFileIsGoneOnceItsContentIsHere() throws {
        let key = digest(of: [1])
        do {
            let store = try fixture.open()
            let ingest = try store.ingest(key, size: made.manifest.size, chunkSize: made.manifest.chunkSize)
            try ingest.write(made, 1)
            try ingest.pause()
            store.close()
            #expect(fixture.partials.count == 1)
        }
        let store = try fixture.open()
        #expect(fixture.partials.count == 1, "still of use")
        try store.fillWhole(made).finish()
        store.close()
        _ = try fixture.open()
        #expect(fixture.partials == [made.id.hex])
    }
}
