// Source files are recognised by every attribute that reveals a change, and names count as placed only as recorded.

import DaftModel
import Glibc
import Testing

@testable import DaftStore

@Suite struct UnchangedTests {
    private let fixture = Fixture()
    private let content = Made(seed: 1, size: 500).id

    private func identity(
        device: UInt64 = 8, inode: UInt64 = 9, size: Int64 = 500, mtime: Int64 = 100, ctime: Int64 = 200
    ) -> SourceIdentity {
        SourceIdentity(
            SourceFileInfo(
                path: Array("/a".utf8), size: size, mtime: Time(seconds: mtime, nanoseconds: 1),
                ctime: Time(seconds: ctime, nanoseconds: 2), device: device, inode: inode, mode: 0o644))
    }

    private func known(_ store: Store, _ identities: [SourceIdentity]) throws -> [Bool] {
        try store.recognise(identities).map { $0.content == content }
    }

    @Test func aFileIsKnownOnlyWhileNothingOfItHasChanged() throws {
        let store = try fixture.open()
        try store.remember([KnownSource(identity(), content)])
        #expect(try known(store, [identity()]) == [true])
        let others = [
            identity(device: 7), identity(inode: 8), identity(size: 501), identity(mtime: 101), identity(ctime: 201),
        ]
        #expect(try known(store, others) == [false, false, false, false, false])
        try store.remember([KnownSource(identity(device: 7, size: 3), content)])
        #expect(try known(store, [identity(), identity(device: 7, size: 3)]) == [true, true])
        try store.remember([KnownSource(identity(ctime: 201), content)])
        #expect(try known(store, [identity(), identity(ctime: 201)]) == [false, true])
    }

    @Test func itIsKnownAfterAnotherStart() throws {
        let first = try fixture.open()
        try first.remember([KnownSource(identity(device: .max, inode: .max), content)])
        first.close()
        #expect(try known(try fixture.open(), [identity(device: .max, inode: .max)]) == [true])
    }

    @Test func aNameStandsWhileItsFileIsAsRecorded() throws {
        let store = try fixture.open()
        let made = ["/a", "/b", "/c", "/d"].enumerated().map { (name($1), Made(seed: UInt64($0 + 2), size: 500)) }
        for (name, one) in made { try store.put(one, at: "\(name)") }
        let link = NamedEntry(
            name("/l"), Entry(.symlink(Array("a".utf8)), mode: 0o777, mtime: Time(seconds: 5, nanoseconds: 6)))
        #expect(try store.place([link]).isEmpty)
        let entries = made.map { NamedEntry($0, $1.entry()) } + [link]
        #expect(try store.inspect(entries) == BitSet(0..<5))
        fixture.spoil("/a", at: 3)
        #expect(unlink(fixture.path + "/b") == 0)
        #expect(chmod(fixture.path + "/c", 0o600) == 0)
        #expect(unlink(fixture.path + "/l") == 0 && symlink("b", fixture.path + "/l") == 0)
        #expect(try store.inspect(entries) == BitSet([3]))
        let other = NamedEntry(name("/d"), made[3].1.entry(mode: 0o600))
        let elsewhere = NamedEntry(name("/x/y"), made[3].1.entry())
        #expect(try store.inspect([other, elsewhere]).isEmpty)
    }
}
