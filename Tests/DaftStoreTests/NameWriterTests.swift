// Placing kept contents at their names.
import DaftModel
import DaftStore
import Glibc
import TestDisk
import Testing

@Suite struct NameWriterTests {
    let fixture = Fixture()

    @Test func aPlacedFileHasItsModeWithoutWriteBitsAndItsTime() throws {
        let store = try fixture.open()
        let made = Made(seed: 1, size: 5000)
        try store.fillWhole(made).finish()
        let entry = made.entry(mode: 0o4775)
        #expect(try store.place([NamedEntry(name("/set/deep/a.bin"), entry)]) == [])
        let status = try #require(fixture.status("/set/deep/a.bin"))
        #expect(status.st_mode & 0o7777 == 0o4555)
        #expect(status.st_mtim.tv_sec == 1_600_000_000 && status.st_mtim.tv_nsec == 123_456_789)
        #expect(fixture.contents("/set/deep/a.bin") == made.bytes)
        #expect(try store.entry(name("/set/deep/a.bin")) == entry, "the record has the real mode")
        #expect(try store.named(after: nil, limit: 9) == [NamedEntry(name("/set/deep/a.bin"), entry)])
        #expect(fixture.partials == [])
    }

    @Test func smallContentsAreKeptTogetherAndEachOnce() throws {
        let store = try fixture.open()
        let made = (0..<40).map { Made(seed: $0, size: Int($0) * 100) } + [Made([0, 0, 0])]
        try store.keepWhole(made + made)
        try store.keepWhole(made)
        #expect(store.inventory == made.reduce(0) { $0 ^ inventoryMark(of: $1.id, .complete) })
        let entries = made.enumerated().map { NamedEntry(name("/s/\($0)"), $1.entry(mode: 0o600)) }
        #expect(try store.place(entries) == [])
        for (i, made) in made.enumerated() { #expect(fixture.contents("/s/\(i)") == made.bytes) }
        #expect(try #require(fixture.status("/s/7")).st_mode & 0o7777 == 0o400)
        #expect(try store.kept(after: nil, limit: 100).count == 41)
        #expect(fixture.partials == [])
    }

    @Test func aPartIsCompletedByKeepingTheWhole() throws {
        let store = try fixture.open()
        let made = Made(seed: 9, size: 9000)
        try store.fillWhole(made, only: [1]).checkpoint()
        try store.keepWhole([made])
        #expect(try store.extent(of: made.id) == .complete)
        #expect(try store.check(made.id) == [])
        #expect(store.inventory == (try store.sumOfKept))
    }

    @Test func whatFitsOfABatchIsKeptWhenTheDiskIsFull() throws {
        let store = try fixture.open()
        let made = (0..<4).map { Made(seed: $0, size: 4000) }
        fixture.disk.spareBytes = 10_000
        #expect(failureKind { try store.keepWhole(made) } == .noSpace)
        #expect(try store.kept(after: nil, limit: 9).count == 2)
        #expect(fixture.partials.count == 2)
        fixture.disk.spareBytes = nil
        try store.keepWhole(made)
        #expect(try store.kept(after: nil, limit: 9).count == 4)
    }

    @Test func aSecondNameIsAFileOfItsOwn() throws {
        let store = try fixture.open()
        let made = Made(seed: 2, size: 9000)
        try store.put(made, at: "/a", "/b")
        #expect(try store.place([NamedEntry(name("/a2"), made.entry(mode: 0o777))]) == [])
        let first = try #require(fixture.status("/a"))
        let second = try #require(fixture.status("/b"))
        #expect(first.st_ino != second.st_ino && first.st_nlink == 1)
        #expect(fixture.contents("/b") == made.bytes)
        #expect(try store.names(of: made.id) == ["/a", "/a2", "/b"].map(name))
        unlink(fixture.path + "/a")
        #expect(try store.bytes(0, of: made.id) == made.chunk(0), "any good name serves")
    }

    @Test func twoNamesOfOneContentInOneBatch() throws {
        let store = try fixture.open()
        let made = Made(seed: 3, size: 100)
        try store.keepWhole([made])
        #expect(try store.place(["/x", "/y", "/z"].map { NamedEntry(name($0), made.entry()) }) == [])
        for path in ["/x", "/y", "/z"] { #expect(fixture.contents(path) == made.bytes) }
        store.close()
        let again = try fixture.open()
        #expect(try again.names(of: made.id).count == 3)
    }

    @Test func aForeignFileIsTakenOverOnlyIfItIsTheVeryContent() throws {
        let store = try fixture.open()
        let made = Made(seed: 4, size: 9000)
        let other = Made(seed: 5, size: 9000)
        fixture.write("/same", made.bytes)
        fixture.write("/differs", other.bytes)
        mkdir(fixture.path + "/directory", 0o755)
        try store.fillWhole(made).finish()
        let failures = try store.place(
            ["/differs", "/directory", "/same"].map { NamedEntry(name($0), made.entry()) })
        #expect(failures.map(\.kind) == [.taken, .taken])
        #expect(failures.map(\.subject) == ["/differs", "/directory"].map { Array($0.utf8) })
        #expect(fixture.contents("/differs") == other.bytes)
        #expect(try store.names(of: made.id) == [name("/same")])
        #expect(try #require(fixture.status("/same")).st_mode & 0o777 == 0o444)
        #expect(fixture.partials == [])
        store.close()
        #expect(try fixture.open().extent(of: made.id) == .complete)
    }

    @Test func aRefusedFirstNameLeavesTheContentForAnother() throws {
        let store = try fixture.open()
        let made = Made(seed: 6, size: 900)
        fixture.write("/taken", [1])
        try store.keepWhole([made])
        #expect(try store.place([NamedEntry(name("/taken"), made.entry())]).map(\.kind) == [.taken])
        #expect(try store.entry(name("/taken")) == nil)
        #expect(try store.place([NamedEntry(name("/free"), made.entry())]) == [])
        #expect(fixture.contents("/free") == made.bytes)
    }

    @Test func placingTheSameAgainRefreshesModeAndTime() throws {
        let store = try fixture.open()
        let made = Made(seed: 7, size: 900)
        try store.put(made, at: "/a")
        #expect(try store.place([NamedEntry(name("/a"), made.entry(mode: 0o755, seconds: 5))]) == [])
        let status = try #require(fixture.status("/a"))
        #expect(status.st_mode & 0o777 == 0o555 && status.st_mtim.tv_sec == 5)
        chmod(fixture.path + "/a", 0o700)
        fixture.write("/a", made.bytes)
        #expect(try store.place([NamedEntry(name("/a"), made.entry())]) == [], "touched, but the bytes are right")
        #expect(try #require(fixture.status("/a")).st_mtim.tv_sec == 1_600_000_000)
        #expect(try store.place([NamedEntry(name("/a"), Made(seed: 8, size: 1).entry())]).map(\.kind) == [.taken])
    }

    @Test func aContentThatIsNotCompleteGetsNoName() throws {
        let store = try fixture.open()
        let made = Made(seed: 8, size: 9000)
        try store.fillWhole(made, only: [0]).checkpoint()
        #expect(try store.place([NamedEntry(name("/a"), made.entry())]).map(\.kind) == [.missing])
        #expect(fixture.status("/a") == nil)
    }

    @Test func directoriesGetTheirModeAndTimeAtTheEnd() throws {
        let store = try fixture.open()
        let time = Time(seconds: 1_000_000_000, nanoseconds: 7)
        let entries = ["/d", "/d/e"].map { NamedEntry(name($0), Entry(.directory, mode: 0o050, mtime: time)) }
        #expect(try store.place(entries) == [])
        try store.put(Made(seed: 9, size: 10), at: "/d/e/f")
        #expect(store.finishDirectories(entries) == [])
        for path in ["/d", "/d/e"] {
            let status = try #require(fixture.status(path))
            #expect(status.st_mode & 0o777 == 0o750)
            #expect(status.st_mtim.tv_sec == 1_000_000_000 && status.st_mtim.tv_nsec == 7)
        }
        let lost = NamedEntry(name("/gone"), entries[0].entry)
        #expect(store.finishDirectories([lost]).map(\.kind) == [.missing])
    }

    @Test func aSymlinkIsPlacedAsOneAndNeverWalkedThrough() throws {
        let store = try fixture.open()
        let outside = fixture.directory + "/outside"
        mkdir(outside, 0o755)
        let time = Time(seconds: 1_100_000_000, nanoseconds: 3)
        let link = NamedEntry(name("/link"), Entry(.symlink(Array(outside.utf8)), mode: 0o777, mtime: time))
        #expect(try store.place([link]) == [])
        #expect(try store.place([link]) == [], "again is no clash")
        let status = try #require(fixture.status("/link"))
        #expect(status.st_mode & S_IFMT == S_IFLNK)
        #expect(status.st_mtim.tv_sec == 1_100_000_000 && status.st_mtim.tv_nsec == 3)
        let made = Made(seed: 10, size: 10)
        try store.keepWhole([made])
        let below = NamedEntry(name("/link/a"), made.entry())
        #expect(try store.place([below]).map(\.kind) == [.taken])
        let directory = NamedEntry(name("/link/d/e"), Entry(.directory, mode: 0o700, mtime: time))
        #expect(try store.place([directory]).map(\.kind) == [.taken])
        #expect(store.finishDirectories([NamedEntry(name("/link"), directory.entry)]).count == 1)
        #expect(entries(of: outside) == [])
        let elsewhere = Entry(.symlink([0x61]), mode: 0o777, mtime: time)
        #expect(try store.place([NamedEntry(name("/link"), elsewhere)]).map(\.kind) == [.taken])
        #expect(try store.extent(of: made.id) == .complete)
    }

    @Test func oddNamesDeepTreesAndLongNamesLive() throws {
        let store = try fixture.open()
        let part = String(repeating: "p", count: 255)
        var names = ["/new\nline", "/ space ", "/-rf", "/\\", "/ü", "/" + String(repeating: "r", count: 255)].map(name)
        names.append(name(String(repeating: "/d", count: 200) + "/leaf"))
        names.append(name(String(repeating: "/" + part, count: 15) + "/" + String(repeating: "q", count: 255)))
        names.append(try Name([0x2f, 0xff, 0xfe, 0x01]))
        #expect(names[7].bytes.count == Name.maximumLength)
        let made = Made(seed: 11, size: 10)
        try store.keepWhole([made])
        let failures = try store.place(names.map { NamedEntry($0, made.entry()) })
        #expect(failures.isEmpty, "\(failures.map { $0.description.suffix(90) })")
        store.close()
        let again = try fixture.open()
        #expect(try Set(again.names(of: made.id)) == Set(names))
        #expect(fixture.contents("/new\nline") == made.bytes)
    }

    @Test func manyThreadsPlaceWhatTheyShare() async throws {
        let store = try fixture.open()
        let made = (0..<20).map { Made(seed: 100 + $0, size: 3000) }
        try await withThrowingTaskGroup(of: [Failure].self) { group in
            for worker in 0..<6 {
                group.addTask {
                    try store.keepWhole(made)
                    let entries = made.enumerated().map { NamedEntry(name("/\(worker)/\($0)"), $1.entry()) }
                    return try store.place(entries)
                }
            }
            for try await failures in group { #expect(failures == []) }
        }
        for worker in 0..<6 {
            for i in 0..<20 { #expect(fixture.contents("/\(worker)/\(i)") == made[i].bytes) }
        }
        for made in made { #expect(try store.check(made.id) == []) }
        #expect(store.inventory == (try store.sumOfKept))
    }
}
