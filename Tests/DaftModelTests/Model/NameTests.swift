// Valid names, and their relations.
import DaftCommand
import DaftModel
import Testing

@Suite struct NameTests {
    @Test(arguments: [
        ("", NameError.relative), ("a", .relative), ("a/b", .relative),
        ("//", .emptyPart), ("/a/", .emptyPart), ("/a//b", .emptyPart),
        ("/.", .dots), ("/a/..", .dots), ("/./a", .dots),
        ("/a\0b", .nul),
        ("/.daft", .reserved), ("/.daft/store.sqlite", .reserved),
    ])
    func isRefusedWithItsReason(text: String, error: NameError) {
        #expect(throws: error) { try Name(text) }
        #expect(!error.reason.isEmpty)
    }

    @Test(arguments: ["/", "/a", "/...", "/..a", "/a/.daft", "/.daft2", "/ ", "/a\nb", "/ü", "/-x"])
    func isAnyOtherPath(text: String) throws {
        #expect(try Name(text).bytes == Array(text.utf8))
    }

    @Test func isBytesAndNotText() throws {
        let name = try Name([0x2f, 0xff, 0x01])
        #expect(name.description == "/\\xff\\x01")
        #expect(try Name("/u\u{308}") != Name("/\u{fc}"))
    }

    @Test func hasAtMost4096Bytes() throws {
        let parts = String(repeating: "/" + String(repeating: "x", count: 127), count: 32)
        #expect(try Name(parts).bytes.count == 4096)
        #expect(throws: NameError.tooLong(4097)) { try Name(parts + "x") }
    }

    @Test func hasPartsOfAtMost255Bytes() throws {
        let part = String(repeating: "x", count: 255)
        #expect(try Name("/" + part).last.count == 255)
        #expect(throws: NameError.partTooLong(256)) { try Name("/a/" + part + "x") }
    }

    @Test func knowsWhatIsAboveIt() throws {
        let name = try Name("/a/b/c")
        #expect(name.parent == (try Name("/a/b")))
        #expect(try Name("/a").parent == .root)
        #expect(Name.root.parent == nil)
        #expect(name.ancestors == [try Name("/a"), try Name("/a/b")])
        #expect(Name.root.ancestors.isEmpty)
        #expect(name.parts.map { Array($0) } == [[0x61], [0x62], [0x63]])
        #expect(Name.root.parts.isEmpty)
        #expect(Name.root.last.isEmpty)
    }

    @Test func isSeenFromAbove() throws {
        let set = try Name("/set")
        #expect(try Name("/set/a/b").relative(to: set).map(Array.init) == Array("a/b".utf8))
        #expect(set.relative(to: set)?.isEmpty == true)
        #expect(set.relative(to: .root).map(Array.init) == Array("set".utf8))
        #expect(Name.root.relative(to: .root)?.isEmpty == true)
        #expect(try Name("/sets").relative(to: set) == nil)
        #expect(Name.root.relative(to: set) == nil)
        #expect(try Name("/sets").isBelow(set) == false)
        #expect(try Name("/set/a").isBelow(set))
        #expect(!set.isBelow(set))
        #expect(set.isBelow(.root))
        #expect(!Name.root.isBelow(.root))
    }

    @Test func growsByOnePart() throws {
        #expect(try Name.root.appending("a".utf8) == Name("/a"))
        #expect(try Name("/a").appending("b/c".utf8) == Name("/a/b/c"))
        #expect(throws: NameError.dots) { try Name("/a").appending("..".utf8) }
        #expect(throws: NameError.emptyPart) { try Name("/a").appending([]) }
        #expect(throws: NameError.reserved) { try Name.root.appending(".daft".utf8) }
    }

    @Test func isOrderedByItsBytes() throws {
        let names = try ["/", "/A", "/a", "/a!", "/a/b", "/a0", "/\u{e9}"].map { try Name($0) }
        #expect(names.reversed().sorted() == names)
        #expect(!(names[1] < names[1]))
    }

    @Test(arguments: [
        ("set/a", "/set/a"), ("/set/a", "/set/a"), ("set/", "/set"), ("/set//", "/set"), ("/", "/"), ("//", "/"),
    ])
    func isWhatAUserMeans(typed: String, meant: String) throws {
        #expect(try resolvedName(typed.utf8) == Name(meant))
    }

    @Test func isNotTypedWithEmptyPartsOrDots() {
        #expect(throws: NameError.emptyPart) { try resolvedName([]) }
        #expect(throws: NameError.emptyPart) { try resolvedName("a//b".utf8) }
        #expect(throws: NameError.dots) { try resolvedName("./a".utf8) }
        #expect(throws: NameError.emptyPart) { try resolvedName("//a".utf8) }
    }
}
