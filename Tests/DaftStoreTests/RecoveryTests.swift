// What a store trusts and what it re-reads when it is opened.
import DaftModel
import DaftStore
import DaftWire
import Glibc
import Testing

@Suite struct RecoveryTests {
    let fixture = Fixture()

    @Test func aSecondOwnerIsRefusedWithThePidOfTheFirst() throws {
        let store = try fixture.open()
        do {
            _ = try fixture.open()
            Issue.record("opened twice")
        } catch {
            let failure = try #require(error as? Failure)
            #expect(failure.kind == .locked)
            #expect(failure.reason.contains("\(getpid())"))
        }
        store.close()
        store.close()
        #expect(failureKind { _ = try store.kept(after: nil, limit: 1) } == .stopped)
        _ = try fixture.open()
    }

    @Test func whatWasChangedOrTakenAwayIsSaidOnce() throws {
        let made = (1...3).map { Made(seed: UInt64($0), size: 9000) }
        do {
            let store = try fixture.open()
            for (one, path) in zip(made, ["/a", "/b", "/c"]) { try store.put(one, at: path) }
            #expect(store.takeChanged().isEmpty)
            store.close()
        }
        fixture.spoil("/a", at: 3)
        unlink(fixture.path + "/b")
        let store = try fixture.open()
        #expect(
            store.takeChanged().map { "\($0)" }.map { $0.prefix(20) } == [
                "/a: has been changed", "/b: has been removed",
            ])
        #expect(store.takeChanged().isEmpty)
        #expect(try store.kept(after: nil, limit: 9).count == 1)
    }

    @Test func theIdAndEverythingKeptAreTheSameAfterwards() throws {
        let made = Made(seed: 1, size: 9000)
        let part = Made(seed: 2, size: 9000)
        let store = try fixture.open()
        try store.put(made, at: "/a", "/b")
        try store.fillWhole(part, only: [1]).checkpoint()
        let (id, inventory) = (store.id, store.inventory)
        store.close()
        let again = try fixture.open()
        #expect(again.id == id && again.inventory == inventory)
        #expect(try again.names(of: made.id).count == 2)
        #expect(try again.extent(of: part.id) == .part(BitSet([1])))
        #expect(try again.space().free > 0)
    }

    /// As after a restore: every file has another inode, also those without names.
    @Test func aCopiedStoreGoesOnAsTheOneItWasCopiedFrom() throws {
        let (kept, torn) = (Made(seed: 1, size: 9000), Made(seed: 2, size: 9000))
        let store = try fixture.open()
        try store.keepWhole([kept, torn])
        store.close()
        _ = Glibc.system("cp -a \(fixture.path) \(fixture.directory)/copy")
        #expect(rename(fixture.path, fixture.directory + "/original") == 0)
        #expect(rename(fixture.directory + "/copy", fixture.path) == 0)
        fixture.write("/.daft/partial/\(torn.id.hex)", torn.bytes.reversed())
        let again = try fixture.open()
        #expect(try again.extent(of: torn.id) == .nothing)
        for text in ["/a", "/b"] { #expect(try again.place([NamedEntry(name(text), kept.entry())]) == []) }
        #expect(fixture.contents("/b") == kept.bytes)
        #expect(again.inventory == (try again.sumOfKept))
    }

    @Test func aChangedFileIsReadAndTrustedOnlyIfItsBytesAreRight() throws {
        let contents = (0..<4).map { Made(seed: $0, size: 5000) }
        let store = try fixture.open()
        for (i, made) in contents.enumerated() { try store.put(made, at: "/\(i)") }
        store.close()
        fixture.write("/1", contents[1].bytes)
        fixture.write("/2", contents[0].bytes)
        unlink(fixture.path + "/3")
        let again = try fixture.open()
        #expect(try again.extent(of: contents[1].id) == .complete)
        #expect(try again.extent(of: contents[2].id) == .nothing)
        #expect(try again.extent(of: contents[3].id) == .nothing)
        #expect(try again.named(after: nil, limit: 9).map(\.name) == [name("/0"), name("/1")])
        #expect(fixture.contents("/2") == contents[0].bytes, "a user's own change is left alone")
        #expect(again.inventory == (try again.sumOfKept))
    }

    @Test func oneGoodNameOfSeveralIsEnough() throws {
        let made = Made(seed: 5, size: 5000)
        let store = try fixture.open()
        try store.put(made, at: "/a", "/b")
        store.close()
        fixture.write("/a", [1, 2, 3])
        let again = try fixture.open()
        #expect(try again.names(of: made.id) == [name("/b")])
        #expect(try again.extent(of: made.id) == .complete)
        #expect(try again.bytes(1, of: made.id) == made.chunk(1))
    }

    @Test func changedSymlinksAndDirectoriesAreDropped() throws {
        let time = Time(seconds: 9, nanoseconds: 0)
        let store = try fixture.open()
        let entries = [
            NamedEntry(name("/d"), Entry(.directory, mode: 0o755, mtime: time)),
            NamedEntry(name("/l"), Entry(.symlink(Array("x".utf8)), mode: 0o777, mtime: time)),
            NamedEntry(name("/m"), Entry(.symlink(Array("x".utf8)), mode: 0o777, mtime: time)),
        ]
        #expect(try store.place(entries) == [])
        store.close()
        rmdir(fixture.path + "/d")
        for path in ["/l", "/m"] { unlink(fixture.path + path) }
        symlink("y", fixture.path + "/l")
        symlink("x", fixture.path + "/m")
        #expect(try fixture.open().named(after: nil, limit: 9) == [entries[2]])
    }

    @Test func whatNoRecordKnowsIsRemovedFromPartial() throws {
        let made = Made(seed: 6, size: 9000)
        let lost = Made(seed: 7, size: 9000)
        do {
            let store = try fixture.open()
            try store.fillWhole(made, only: [0]).checkpoint()
            _ = try store.fillWhole(lost, only: [0])
            fixture.write("/.daft/partial/rubbish", [1])
        }
        let store = try fixture.open()
        #expect(fixture.partials == [made.id.hex])
        #expect(try store.extent(of: lost.id) == .nothing)
    }

    @Test func aContentWhosePartialIsGoneIsNoLongerKept() throws {
        let made = Made(seed: 8, size: 9000)
        let store = try fixture.open()
        try store.fillWhole(made).finish()
        store.close()
        unlink(fixture.path + "/.daft/partial/" + made.id.hex)
        let again = try fixture.open()
        #expect(try again.extent(of: made.id) == .nothing)
        #expect(again.inventory == 0)
    }

    @Test func aKillBetweenRecordAndRenameLosesNothing() throws {
        let made = Made(seed: 9, size: 9000)
        do {
            let store = try fixture.open()
            fixture.copyAtNextRename()
            try store.put(made, at: "/a")
        }
        let store = try fixture.openCopy()
        #expect(store.takeChanged().isEmpty, "nobody has taken it away")
        #expect(try store.names(of: made.id) == [])
        #expect(try store.extent(of: made.id) == .complete)
        #expect(try store.place([NamedEntry(name("/a"), made.entry())]) == [])
        #expect(fixture.contents("/a") == made.bytes)
    }

    @Test func aUsersFileThatReplacedOursIsLeftAloneAfterAPowerLoss() throws {
        let made = Made(seed: 15, size: 9000)
        let theirs = Made(seed: 16, size: 9000)
        do { try fixture.open().put(made, at: "/a") }
        fixture.write("/new", theirs.bytes)
        rename(fixture.path + "/new", fixture.path + "/a")
        fixture.options.bootID = [2]
        let store = try fixture.open()
        #expect(fixture.contents("/a") == theirs.bytes)
        #expect(try store.entry(name("/a")) == nil)
        #expect(try store.extent(of: made.id) == .nothing)
    }

    @Test func withTheSameBootNothingIsReadAgain() throws {
        let made = Made(seed: 10, size: 9000)
        do { try fixture.open().put(made, at: "/a") }
        corrupt(made, "/a")
        let store = try fixture.open()
        #expect(try store.extent(of: made.id) == .complete, "size, mtime and inode are as recorded")
    }

    @Test func afterAPowerLossWhatIsNotSyncedIsReadAgain() throws {
        let made = Made(seed: 11, size: 9000)
        let part = Made(seed: 12, size: 9000)
        let key = digest(of: [1])
        do {
            let store = try fixture.open()
            try store.put(made, at: "/a")
            try store.fillWhole(part, only: [0, 1]).checkpoint()
            let ingest = try store.ingest(key, size: 9000, chunkSize: part.manifest.chunkSize)
            for chunk in [0, 1] { try ingest.write(part, chunk) }
            try ingest.checkpoint()
        }
        corrupt(made, "/a")
        corrupt(part, "/.daft/partial/" + part.id.hex)
        corrupt(part, "/.daft/partial/ingest-" + key.hex)
        fixture.options.bootID = [2]
        let store = try fixture.open()
        #expect(fixture.status("/a") == nil, "no name shows wrong bytes")
        #expect(try store.extent(of: made.id) == .part(BitSet([1, 2])))
        #expect(try store.extent(of: part.id) == .part(BitSet([1])))
        #expect(try store.ingest(key, size: 9000, chunkSize: part.manifest.chunkSize).have == BitSet([1]))
        try store.fillWhole(made, only: [0]).finish()
        #expect(try store.place([NamedEntry(name("/a"), made.entry())]) == [])
        #expect(fixture.contents("/a") == made.bytes)
    }

    @Test func whatIsKnownToBeSyncedIsNotReadAgain() throws {
        let durable = Fixture(durable: true)
        let made = Made(seed: 13, size: 9000)
        do { try durable.open().put(made, at: "/a") }
        let file = open(durable.path + "/a", O_WRONLY)
        var times = [timespec(), timespec(tv_sec: 1_600_000_000, tv_nsec: 123_456_789)]
        pwrite(file, "x", 1, 0)
        futimens(file, &times)
        close(file)
        durable.options.bootID = [2]
        #expect(try durable.open().extent(of: made.id) == .complete)
    }

    @Test func aDamagedLedgerIsNamedAndLeftAlone() throws {
        let made = Made(seed: 14, size: 9000)
        let store = try fixture.open()
        try store.put(made, at: "/a")
        store.close()
        let rubbish = [UInt8](repeating: 7, count: 20_000)
        fixture.write("/.daft/store.sqlite", rubbish)
        do {
            _ = try fixture.open()
            Issue.record("opened a damaged ledger")
        } catch {
            let failure = try #require(error as? Failure)
            #expect(failure.kind == .malformed)
            #expect(failure.subject == Array((fixture.path + "/.daft/store.sqlite").utf8))
            #expect(failure.reason.contains("move the directory .daft away"))
        }
        #expect(fixture.contents("/.daft/store.sqlite") == rubbish)
        // Follows the message's advice.
        #expect(rename(fixture.path + "/.daft", fixture.directory + "/away") == 0)
        let again = try fixture.open()
        try again.fillWhole(made).finish()
        #expect(try again.place([NamedEntry(name("/a"), made.entry())]) == [])
    }

    @Test func theOwnDirectoryMayNotBeASymlink() throws {
        mkdir(fixture.path, 0o700)
        mkdir(fixture.directory + "/elsewhere", 0o700)
        symlink(fixture.directory + "/elsewhere", fixture.path + "/.daft")
        #expect(failureKind { _ = try fixture.open() } != nil)
        #expect(entries(of: fixture.directory + "/elsewhere") == [])
    }

    /// Changes the first byte while size, mtime and inode stay the same.
    private func corrupt(_ made: Made, _ path: String) {
        guard let status = fixture.status(path) else { return }
        let file = open(fixture.path + path, O_WRONLY)
        pwrite(file, [made.bytes[0] ^ 1], 1, 0)
        futimens(file, [status.st_atim, status.st_mtim])
        close(file)
    }
}
