// When a file's timestamps reveal every change.
import DaftModel
import Testing

@Suite struct SourceIdentityTests {
    private func identity(mtime: Time, ctime: Time) -> SourceIdentity {
        SourceIdentity(
            SourceFileInfo(path: Array("/a".utf8), size: 1, mtime: mtime, ctime: ctime, device: 1, inode: 2, mode: 0))
    }

    @Test func aFileThatChangedWithinTheMarginIsNotSettled() {
        let seen = Time(seconds: 100, nanoseconds: 500)
        let old = Time(seconds: 5, nanoseconds: 0)
        for (time, isSettled) in [
            (Time(seconds: 98, nanoseconds: 499), true), (Time(seconds: 98, nanoseconds: 500), false),
            (Time(seconds: 100, nanoseconds: 0), false), (Time(seconds: 200, nanoseconds: 0), false), (old, true),
        ] {
            #expect(identity(mtime: old, ctime: time).isSettled(seen: seen, marginMilliseconds: 2_000) == isSettled)
            #expect(identity(mtime: time, ctime: old).isSettled(seen: seen, marginMilliseconds: 2_000) == isSettled)
        }
        let close = identity(mtime: old, ctime: Time(seconds: 99, nanoseconds: 990_000_000))
        #expect(close.isSettled(seen: seen, marginMilliseconds: 10))
        #expect(!close.isSettled(seen: seen, marginMilliseconds: 11))
    }

    @Test func imagesAndProgramsDoNotTellChanges() {
        let (ext4, nfs, squashfs, fuse, vfat): (UInt64, UInt64, UInt64, UInt64, UInt64) = (
            0xef53, 0x6969, 0x7371_7368, 0x6573_5546, 0x4d44
        )
        #expect([ext4, nfs].allSatisfy { Filesystem(number: $0).recordsChanges })
        #expect(![squashfs, fuse, vfat].contains { Filesystem(number: $0).recordsChanges })
    }
}
