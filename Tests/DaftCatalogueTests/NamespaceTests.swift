// Listings in byte order, of one level or all, in pages of any size.

import DaftCatalogue
import DaftModel
import Testing

@Suite struct NamespaceTests {
    private func directory(_ bytes: [UInt8]) throws -> Record {
        .entry(NamedEntry(try Name(bytes), Entry(.directory, mode: 0o755, mtime: time(1))))
    }

    private func catalogue() throws -> (Catalogue, [Name]) {
        let texts = ["a", "a-b", "a.txt", "a/b", "a/b/c", "a/b.d", "a0", "a0/x", "a\n", "z", "z/z", "z/z/z"]
        let bytes =
            texts.map { Array("/\($0)".utf8) } + [[47, 97, 0xff], [47, 0xff], [47, 0xff, 47, 0xfe], [47, 1]]
        let names = try bytes.map { try Name($0) }
        let byDepth = bytes.sorted { $0.count { $0 == 47 } < $1.count { $0 == 47 } }
        return (try memory([system()] + byDepth.map(directory)), names.sorted())
    }

    private func paged(_ page: (Name?) throws -> [NamedEntry]) rethrows -> [Name] {
        var names: [Name] = []
        while true {
            let next = try page(names.last)
            if next.isEmpty { return names }
            names += next.map(\.name)
        }
    }

    @Test(arguments: [1, 2, 3, 5, 100])
    func pagesOfAnySizeHaveEachNameOnceInByteOrder(_ limit: Int) throws {
        let (catalogue, names) = try catalogue()
        for root in [Name.root] + names {
            #expect(
                try paged { try catalogue.below(root, after: $0, limit: limit) } == names.filter { $0.isBelow(root) })
            #expect(
                try paged { try catalogue.children(of: root, after: $0, limit: limit) }
                    == names.filter { $0.parent == root })
        }
    }

    @Test func aPageMayFollowANameOfAnotherPlace() throws {
        let (catalogue, _) = try catalogue()
        let a = name("/a")
        #expect(try catalogue.children(of: a, after: .root, limit: 9).map(\.name) == [name("/a/b"), name("/a/b.d")])
        #expect(try catalogue.children(of: a, after: name("/z"), limit: 9).isEmpty)
        #expect(
            try catalogue.children(of: .root, after: name("/a0/x"), limit: 1).map(\.name) == [try Name([47, 97, 0xff])])
        #expect(try catalogue.below(.root, after: name("/a/b/c"), limit: 1).map(\.name) == [name("/a0")])
        #expect(try catalogue.below(.root, after: nil, limit: 0).isEmpty)
    }

    @Test func aContentKnowsItsNames() throws {
        let catalogue = try memory([
            system(), content(1, [1, 2]), DaftCatalogueTests.directory("/d"), file("/z", 1), file("/d/f", 1),
        ])
        #expect(try catalogue.names(of: id(1)) == [name("/d/f"), name("/z")])
        #expect(try catalogue.names(of: id(2)).isEmpty)
        #expect(try catalogue.entry(name("/z"))?.content == id(1))
    }
}
