// Walks are complete, ordered, and stay inside the tree.
import DaftModel
import Glibc
import Testing

@testable import DaftStore

@Suite struct SourceWalkTests {
    @Test func aDirectoryComesBeforeItsChildrenAndNamesComeInByteOrder() throws {
        let scratch = try SourceScratch()
        for directory in ["b", "b/deep", "empty"] { try scratch.makeDirectory(directory) }
        try scratch.write("b/deep/x", filler(3))
        try scratch.write("b/z", [])
        try scratch.write("b.txt", filler(1))
        try scratch.write("B", filler(2))
        #expect(
            try scratch.walk().map(\.line) == [
                "d ", "f B 2", "d b", "d b/deep", "f b/deep/x 3", "f b/z 0", "f b.txt 1", "d empty",
            ])
    }

    @Test func aFileAloneIsAWalkOfOne() throws {
        let scratch = try SourceScratch()
        try scratch.write("one", filler(5))
        guard case .found(let found) = try scratch.walk("one").first, case .file(let info) = found.kind else {
            Issue.record("no file")
            return
        }
        #expect(try scratch.walk("one").count == 1)
        #expect(found.relative.isEmpty)
        #expect(info.path == scratch("one"))
        #expect(info.inode == (try scratch.status("one").inode))
        #expect(found.mode == 0o644)
        #expect(try SourceFileInfo(decoding: info.encoded) == info)
    }

    @Test func oddNamesAreWalkedAndReadAsTheyAre() throws {
        let scratch = try SourceScratch()
        for name in oddNames { try scratch.write(name, name) }
        let files = try scratch.walk().compactMap { sighting -> SourceFileInfo? in
            if case .found(let found) = sighting, case .file(let info) = found.kind { info } else { nil }
        }
        #expect(files.count == oddNames.count)
        for info in files {
            let name = Array(info.path.split(separator: slash).last!)
            #expect(oddNames.contains(name))
            #expect(try whole(info) == name)
        }
    }

    @Test func symlinksAreNeverFollowed() throws {
        let scratch = try SourceScratch()
        try scratch.makeDirectory("tree")
        for (name, target) in [("dangling", "nowhere"), ("loop", "loop"), ("outside", "/etc"), ("up", "..")] {
            try scratch.makeSymlink("tree/\(name)", to: target)
        }
        let lines = try scratch.walk("tree").map(\.line)
        #expect(lines == ["d ", "l dangling -> nowhere", "l loop -> loop", "l outside -> /etc", "l up -> .."])
    }

    @Test func aSymlinkAsRootIsFollowedOnlyWithASlash() throws {
        let scratch = try SourceScratch()
        try scratch.makeDirectory("tree")
        try scratch.write("tree/a", [1])
        try scratch.makeSymlink("link", to: "tree")
        #expect(try scratch.walk("link").map(\.line) == ["l  -> tree"])
        #expect(try scratch.walk("link/").map(\.line) == ["d ", "f a 1"])
    }

    @Test func twoHardLinksAreTwoFiles() throws {
        let scratch = try SourceScratch()
        try scratch.makeDirectory("tree")
        try scratch.write("tree/a", [1, 2])
        #expect(withCString(scratch("tree/a")) { old in withCString(scratch("tree/b")) { link(old, $0) } } == 0)
        #expect(try scratch.walk("tree").map(\.line) == ["d ", "f a 2", "f b 2"])
    }

    @Test func whatIsNoFileIsSkippedWithAWarning() throws {
        let scratch = try SourceScratch()
        try scratch.makeDirectory("tree")
        for name in ["a", "z"] { try scratch.write("tree/\(name)", [1]) }
        try scratch.write("tree/.big.bin.daft-partial", [1])
        #expect(withCString(scratch("tree/fifo")) { mkfifo($0, 0o600) } == 0)
        #expect(withCString(scratch("tree/null")) { mknod($0, S_IFSOCK | 0o600, 0) } == 0)
        #expect(
            try scratch.walk("tree").map(\.line) == [
                "d ", "skipped .big.bin.daft-partial", "f a 1", "skipped fifo", "skipped null", "f z 1",
            ])
        #expect(try scratch.walk("tree/fifo").map(\.line) == ["failed failed"])
    }

    @Test func theStoreIsSkipped() throws {
        let scratch = try SourceScratch()
        for directory in ["tree", "tree/store", "tree/store/set"] { try scratch.makeDirectory(directory) }
        try scratch.write("tree/x", [1])
        let store = try scratch.status("tree/store")
        let walk = { (path: String) in
            try allSightings(SourceWalk(scratch(path)) { $0 == store.device && $1 == store.inode }).map(\.line)
        }
        #expect(try walk("tree") == ["d ", "skipped store", "f x 1"])
        #expect(try walk("tree/store") == ["failed failed"])
    }

    @Test func whatVanishesIsNamedAndTheRestGoesOn() throws {
        let scratch = try SourceScratch()
        for name in ["a", "b", "c"] { try scratch.write(name, [1]) }
        let walk = try SourceWalk(scratch.path) { _, _ in false }
        #expect(walk.next(2).map(\.line) == ["d ", "f a 1"])
        try scratch.remove("b")
        let rest = walk.next(9)
        #expect(rest.map(\.line) == ["failed missing", "f c 1"])
        guard case .failed(let failure) = rest[0] else { return }
        #expect(failure.subject == scratch("b"))
        #expect(walk.next(9).isEmpty)
    }

    @Test(.enabled(if: geteuid() != 0, "root may read everything"))
    func anUnreadableDirectoryIsNamedAndTheRestGoesOn() throws {
        let scratch = try SourceScratch()
        for name in ["a", "b", "c"] { try scratch.makeDirectory(name) }
        withCString(scratch("b")) { _ = chmod($0, 0) }
        #expect(try scratch.walk().map(\.line) == ["d ", "d a", "failed denied", "d c"])
    }

    @Test func twoHundredDirectoriesOf255BytesAreWalkedAndTheirFilesRead() throws {
        let scratch = try SourceScratch()
        let part = [UInt8](repeating: UInt8(ascii: "d"), count: 255)
        var folder = try openAt(AT_FDCWD, scratch.path, O_RDONLY | O_DIRECTORY)
        for depth in 0..<200 {
            try withCString(part) { part in _ = try system("mkdir") { mkdirat(folder.number, part, 0o755) } }
            folder = try folder.directory(below: part)
            // A name that sorts after `ddd…`, so that the walk returns to each level from below.
            let file = try openAt(folder.number, Array("later".utf8), O_WRONLY | O_CREAT, mode: 0o644)
            #expect(write(file.number, [UInt8(depth)], 1) == 1)
        }
        let before = openDescriptors(below: scratch.path)
        let walk = try SourceWalk(scratch.path, walk(longest: .max)) { _, _ in false }
        var depths: [UInt8] = []
        var most = 0
        while true {
            let sightings = walk.next(10)
            if sightings.isEmpty { break }
            most = max(most, openDescriptors(below: scratch.path) - before)
            for case .found(let found) in sightings {
                guard case .file(let info) = found.kind else { continue }
                depths += try whole(info)
                #expect(try allSightings(SourceWalk(info.path) { _, _ in false }).map(\.line) == ["f  1"])
                #expect(pathExists(info.path) && !pathExists(info.path + [1]))
                #expect(try isSeen(sighting(of: info.path)))
            }
        }
        #expect(depths == (0..<200).reversed().map { UInt8($0) })
        #expect(most <= 40)
    }

    @Test func noDirectoryIsEnteredWhosePathIsTooLongForANameBelowIt() throws {
        let scratch = try SourceScratch()
        for directory in ["a", "a/bc", "a/bc/d", "a/xyz"] { try scratch.makeDirectory(directory) }
        try scratch.write("a/bc/d/never", [1])
        try scratch.write("a/later", [1])
        let walk = try SourceWalk(scratch.path, walk(longest: 4)) { _, _ in false }
        #expect(allSightings(walk).map(\.line) == ["d ", "d a", "d a/bc", "d a/bc/d", "f a/later 1", "d a/xyz"])
    }

    @Test func aDirectoryThatWasReplacedMeanwhileIsReported() throws {
        let scratch = try SourceScratch()
        let deep = (0..<40).map { _ in "d" }
        for depth in 1...40 { try scratch.makeDirectory(deep.prefix(depth).joined(separator: "/")) }
        try scratch.write("d/late", [1])
        let walk = try SourceWalk(scratch.path) { _, _ in false }
        #expect(walk.next(41).count == 41)
        #expect(withCString(scratch("d")) { old in withCString(scratch("old")) { rename(old, $0) } } == 0)
        try scratch.makeSymlink("d", to: "/etc")
        #expect(Set(walk.next(100).map(\.line)) == ["failed changed"])
    }

    @Test func aPathThatIsNotThereIsRefusedByName() throws {
        let scratch = try SourceScratch()
        #expect { try scratch.walk("nothing") } throws: { error in
            (error as? Failure)?.kind == .missing && (error as? Failure)?.subject == scratch("nothing")
        }
        #expect { try SourceWalk([]) { _, _ in false } } throws: { ($0 as? Failure)?.kind == .usage }
    }

    @Test func theNameIsTheLastPartAsCpTakesIt() throws {
        func name(_ path: String) throws -> String { try publishedName(of: Array(path.utf8)).description }
        #expect(try name("/lustre/me/set1") == "/set1")
        #expect(try name("/lustre/me/set1/") == "/set1")
        #expect(try name("a/./.") == "/a")
        #expect(try name("/usr/bin/..") == "/usr")
        let here = try #require(getcwd(nil, 0))
        defer { free(here) }
        #expect(try name(".").dropFirst() == String(cString: here).split(separator: "/").last!)
        for path in ["/", "//", "/.", "/tmp/.."] {
            #expect { try name(path) } throws: { ($0 as? Failure)?.kind == .usage }
        }
        #expect { try name("/x/.daft") } throws: { ($0 as? Failure)?.kind == .usage }
    }

    /// The number of open files below `path`; other tests of this process have others.
    private func openDescriptors(below path: [UInt8]) -> Int {
        (0..<1024).count { number in
            var target = [UInt8](repeating: 0, count: 4096)
            let length = readlink("/proc/self/fd/\(number)", &target, target.count)
            // A path too long to be read is one of the deep ones.
            return length > 0 ? target.starts(with: path) : errno == ENAMETOOLONG
        }
    }
}

/// A file's bytes, read by `readWhole`.
func whole(_ info: SourceFileInfo) throws(Failure) -> [UInt8] {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: Int(info.size) + 1, alignment: 16)
    defer { memory.deallocate() }
    return Array(memory[..<(try readWhole(info, into: memory))])
}

private func walk(longest: Int) -> WalkOptions {
    var options = WalkOptions()
    options.longest = longest
    return options
}
