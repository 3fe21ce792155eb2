// Directories and symlinks made by get, and conflicts with existing entries.
import DaftModel
import Glibc
import Testing

@testable import DaftStore

private let longAgo = Time(seconds: 1_000_000_000, nanoseconds: 123_456_789)

@Suite struct TargetTreeTests {
    private func directory(_ mode: UInt16 = 0o755) -> Entry { Entry(.directory, mode: mode, mtime: longAgo) }

    private func link(to target: String) -> Entry { Entry(.symlink(Array(target.utf8)), mode: 0o777, mtime: longAgo) }

    private func put(_ bytes: [UInt8], in tree: TargetTree, _ relative: [UInt8], mode: UInt16 = 0o640) throws {
        let entry = Entry(.file(digest(of: bytes)), mode: mode, mtime: longAgo)
        try bytes.withUnsafeBytes { try TargetFile.writeWhole(in: tree, relative, entry, $0) }
    }

    private func put(_ bytes: [UInt8], in tree: TargetTree, _ relative: String) throws {
        try put(bytes, in: tree, Array(relative.utf8))
    }

    @Test func noSymlinkIsFollowedBeneathTheUsersDirectory() throws {
        let scratch = try SourceScratch()
        let tree = try TargetTree(scratch("out"))
        try tree.makeRoot()
        try TargetTree(scratch("elsewhere")).makeRoot()
        let link = String(decoding: scratch("out"), as: UTF8.self) + "/n1"
        #expect(symlink(String(decoding: scratch("elsewhere"), as: UTF8.self), link) == 0)
        let out = scratch("out")
        #expect(failureKind { try TargetTree(scratch("out/n1"), beneath: out).makeRoot() } == .taken)
        #expect(failureKind { _ = try TargetTree(scratch("out/n1/set"), beneath: out) } != nil)
        try TargetTree(scratch("out/n1"), beneath: nil).makeRoot()
        try TargetTree(scratch("out/n2"), beneath: out).makeRoot()
    }

    @Test func aTreeIsWrittenWithModesAndTimes() throws {
        let scratch = try SourceScratch()
        let tree = try TargetTree(scratch("out"))
        let directories: [([UInt8], Entry)] = [
            ([], directory(0o750)), (Array("a".utf8), directory(0o555)), (Array("a/b".utf8), directory(0o500)),
        ]
        for (relative, _) in directories { try tree.makeDirectory(relative) }
        try put(filler(10), in: tree, "a/b/x")
        try tree.makeSymlink(Array("a/l".utf8), link(to: "b/x"))
        #expect(tree.finishDirectories(directories).isEmpty)
        for (path, mode) in [("out", 0o750), ("out/a", 0o555), ("out/a/b", 0o500), ("out/a/b/x", 0o640)] {
            let status = try scratch.status(path)
            #expect(status.permissions == UInt16(mode))
            #expect(status.mtime == longAgo)
        }
        #expect(try scratch.status("out/a/l").mtime == longAgo)
        #expect(try scratch.read("out/a/b/x") == filler(10))
        #expect(try scratch.walk("out").map(\.line) == ["d ", "d a", "d a/b", "f a/b/x 10", "l a/l -> b/x"])
    }

    @Test func writingTheSameTreeAgainChangesNothing() throws {
        let scratch = try SourceScratch()
        for _ in 0..<2 {
            let tree = try TargetTree(scratch("out"))
            for relative in ["", "a"] {
                try tree.makeDirectory(Array(relative.utf8))
                #expect(try scratch.status("out/\(relative)").permissions & 0o700 == 0o700)
            }
            try put(filler(10), in: tree, "a/x")
            try tree.makeSymlink(Array("a/l".utf8), link(to: "x"))
            #expect(tree.finishDirectories([([], directory(0o555)), (Array("a".utf8), directory(0o500))]).isEmpty)
        }
        let before = try scratch.status("out/a/x").inode
        try put(filler(10), in: TargetTree(scratch("out")), "a/x")
        #expect(try scratch.status("out/a/x").inode == before)
        #expect(try scratch.names("out/a") == ["l", "x"])
    }

    @Test func oddNamesAreWrittenAsTheyAre() throws {
        let scratch = try SourceScratch()
        let tree = try TargetTree(scratch("out"))
        try tree.makeDirectory([])
        for name in oddNames {
            try tree.makeDirectory(name)
            try put(name, in: tree, name + [slash] + name)
            try tree.makeSymlink(name + Array("/link".utf8), Entry(.symlink(name), mode: 0o777, mtime: longAgo))
        }
        #expect(try scratch.walk("out").count == 1 + 3 * oddNames.count)
        for case .found(let found) in try scratch.walk("out") {
            guard case .file(let info) = found.kind else { continue }
            #expect(try whole(info) == Array(found.relative.split(separator: slash)[0]))
        }
    }

    @Test func anotherFileIsReplacedAndAnotherKindIsInTheWay() throws {
        let scratch = try SourceScratch()
        let tree = try TargetTree(scratch("out"))
        try tree.makeDirectory([])
        try put(filler(10), in: tree, "file")
        try put(filler(10, seed: 2), in: tree, "file")
        #expect(try scratch.read("out/file") == filler(10, seed: 2))
        try tree.makeDirectory(Array("directory".utf8))
        try tree.makeSymlink(Array("link".utf8), link(to: "file"))
        let refused = [
            failure { try put([1], in: tree, "directory") }, failure { try put([1], in: tree, "link") },
            failure { try tree.makeDirectory(Array("file".utf8)) },
            failure { try tree.makeDirectory(Array("link".utf8)) },
            failure { try tree.makeSymlink(Array("file".utf8), link(to: "x")) },
            failure { try tree.makeSymlink(Array("directory".utf8), link(to: "x")) },
            failure { try tree.makeSymlink(Array("link".utf8), link(to: "other")) },
        ]
        for refusal in refused { #expect(refusal?.kind == .taken) }
        #expect(refused[0]?.description == "\(shown(scratch("out/directory"))): a directory is in the way of a file")
        #expect(try scratch.walk("out").map(\.line) == ["d ", "d directory", "f file 10", "l link -> file"])
    }

    @Test func noSymlinkInTheTargetLeadsOutOfIt() throws {
        let scratch = try SourceScratch()
        for name in ["out", "outside"] { try scratch.makeDirectory(name) }
        try scratch.makeSymlink("out/a", to: "../outside")
        let tree = try TargetTree(scratch("out"))
        #expect(failure { try put([1], in: tree, "a/x") } != nil)
        #expect(failure { try put([1], in: tree, "a/b/x") } != nil)
        #expect(failure { try tree.makeDirectory(Array("a/b".utf8)) } != nil)
        #expect(failure { try tree.makeSymlink(Array("a/l".utf8), link(to: "x")) } != nil)
        #expect(tree.finishDirectories([(Array("a".utf8), directory(0o700))]).count == 1)
        for relative in ["../outside/x", "a/../../outside/x", "..", "a/..", "a/."] {
            #expect(failure { try put([1], in: tree, relative) } != nil)
            #expect(failure { try tree.makeDirectory(Array(relative.utf8)) } != nil)
        }
        #expect(try scratch.names("outside").isEmpty)
        #expect(try scratch.status("outside").permissions == 0o755)
    }

    @Test func theUsersOwnPathMayBeASymlinkToADirectory() throws {
        let scratch = try SourceScratch()
        try scratch.makeDirectory("real")
        try scratch.makeSymlink("link", to: "real")
        let tree = try TargetTree(scratch("link"))
        try tree.makeDirectory([])
        try put([1], in: tree, "x")
        #expect(tree.finishDirectories([([], directory(0o750))]).isEmpty)
        #expect(try scratch.read("real/x") == [1])
        #expect(try scratch.status("real").permissions == 0o750)
    }

    @Test func theRootMayBeAFileOrASymlink() throws {
        let scratch = try SourceScratch()
        try put([1, 2], in: TargetTree(scratch("file")), [])
        try TargetTree(scratch("link")).makeSymlink([], link(to: "nowhere"))
        #expect(try scratch.read("file") == [1, 2])
        #expect(try scratch.walk("link").map(\.line) == ["l  -> nowhere"])
        #expect(try scratch.names() == ["file", "link"])
        #expect(failure { try put([1], in: TargetTree(scratch(".")), []) }?.kind == .taken)
        #expect(failure { try TargetTree(scratch("file")).makeDirectory([]) }?.kind == .taken)
    }

    @Test func aParentThatIsNotThereIsRefusedByName() throws {
        let scratch = try SourceScratch()
        let refused = failure { _ = try TargetTree(scratch("no/such")) }
        #expect(refused?.kind == .missing)
        #expect(refused?.subject == scratch("no/such"))
        #expect(failure { _ = try TargetTree([]) }?.kind == .usage)
    }

    @Test func setuidAndStickyBitsAreKeptAsChmodSetsThem() throws {
        let scratch = try SourceScratch()
        try put([1], in: TargetTree(scratch("f")), [], mode: 0o6755)
        #expect(try scratch.status("f").permissions == 0o6755)
    }

    @Test func aSmallFileOfZerosIsAHole() throws {
        let scratch = try SourceScratch()
        try put([UInt8](repeating: 0, count: 50_000), in: TargetTree(scratch("f")), [])
        #expect(try scratch.status("f").size == 50_000)
        #expect(try scratch.status("f").blocks == 0)
    }

    @Test func anEarlierPartialDoesNotDisturbASmallFile() throws {
        let scratch = try SourceScratch()
        try scratch.write(".f.daft-partial", filler(9000))
        try put(filler(5), in: TargetTree(scratch("f")), [])
        #expect(try scratch.read("f") == filler(5))
        try scratch.write(".z.daft-partial", filler(9000))
        try put([UInt8](repeating: 0, count: 9000), in: TargetTree(scratch("z")), [])
        #expect(try scratch.read("z") == [UInt8](repeating: 0, count: 9000))
        #expect(try scratch.names() == ["f", "z"])
    }

    @Test func aDeepTreeIsWrittenAndReadBack() throws {
        let scratch = try SourceScratch()
        let tree = try TargetTree(scratch("out"))
        try tree.makeDirectory([])
        let parts = [[UInt8]](repeating: Array("depth-of-name".utf8), count: 200)
        for depth in 1...200 { try tree.makeDirectory(Array(parts.prefix(depth).joined(separator: [slash]))) }
        let deepest = Array(parts.joined(separator: [slash]))
        try put([42], in: tree, deepest + Array("/x".utf8))
        #expect(tree.finishDirectories([(deepest, directory(0o700))]).isEmpty)
        guard case .found(let found) = try scratch.walk("out").last, case .file(let info) = found.kind else {
            Issue.record("no file")
            return
        }
        #expect(try whole(info) == [42])
    }
}
