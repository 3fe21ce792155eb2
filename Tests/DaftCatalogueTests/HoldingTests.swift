// Holdings, and the inventory digest of each store.

import DaftCatalogue
import DaftModel
import Testing

@Suite struct HoldingTests {
    private let stores = 5
    private var base: [Record] {
        [system()] + (0..<stores).map(store)
            + [content(1, [1, 2, 3], in: BitSet([0])), content(2, [4]), content(3, [], in: BitSet([1]))]
    }

    @Test func aHoldingSetsTheExtent() throws {
        let catalogue = try memory(base)
        try catalogue.append([keeps([1], [0, 2], .part(BitSet([1])))])
        #expect(try catalogue.holders(of: id(1)).complete.isEmpty)
        #expect(try catalogue.holders(of: id(1)).parts.map(\.store) == [0, 2])
        try catalogue.append([keeps([1], [2], .part(BitSet([0, 1, 2])))])
        #expect(try catalogue.holders(of: id(1)).complete == BitSet([2]))
        #expect(try catalogue.holders(of: id(1)).parts.map(\.store) == [0])
        try catalogue.append([keeps([1, 3, 1], [0, 1, 2], .nothing)])
        #expect(try catalogue.holders(of: id(1)).complete.isEmpty)
        #expect(try catalogue.holders(of: id(1)).parts.isEmpty)
        #expect(try catalogue.holders(of: id(3)).complete.isEmpty)
        #expect(try catalogue.holders(of: id(99)).complete.isEmpty)
    }

    @Test func contentsAndStoresAreKnown() throws {
        let catalogue = try memory(base)
        #expect(try catalogue.manifest(id(1)) == manifest([1, 2, 3]))
        #expect(try catalogue.manifest(id(3)) == manifest([]))
        #expect(try catalogue.manifest(id(9)) == nil)
        #expect(try catalogue.size(of: id(1)).map { [Int($0.bytes), $0.chunks] } == [3 * 4096, 3])
        #expect(try catalogue.size(of: id(9)) == nil)
        #expect(try catalogue.stores().map(\.number) == Array(0..<stores))
        #expect(try catalogue.stores().map(\.info.id) == (0..<stores).map(storeID))
    }

    @Test(arguments: 0..<8)
    func inventoriesAndHoldingsAreThoseOfAPlainModel(_ seed: Int) throws {
        var random = Seeded(state: UInt64(seed))
        let counts = (0..<12).map { _ in Int.random(in: 0...70, using: &random) }
        let catalogue = try memory([system()] + (0..<stores).map(store))
        var model = [[Int: Extent]](repeating: [:], count: stores)
        for (i, count) in counts.enumerated() {
            try catalogue.append([content(i, (0..<count).map { i * 100 + $0 }, in: BitSet([i % stores]))])
            model[i % stores][i] = .complete
        }
        for _ in 0..<60 {
            let some = (0..<Int.random(in: 1...4, using: &random)).map { _ in
                counts.indices.randomElement(using: &random)!
            }
            let chosen = (0..<stores).filter { _ in Bool.random(using: &random) }
            let extent: Extent =
                switch Int.random(in: 0..<4, using: &random) {
                case 0: .complete
                case 1: .nothing
                case 2: .part(BitSet(below: some.map { counts[$0] }.min()!))
                default: .part(BitSet((0..<some.map { counts[$0] }.min()!).filter { _ in Bool.random(using: &random) }))
                }
            try catalogue.append([keeps(some, chosen, extent)])
            for store in chosen {
                for i in some {
                    if case .part(let chunks) = extent, !chunks.isEmpty {
                        model[store][i] = Extent(chunks, of: counts[i])
                    } else {
                        model[store][i] = extent == .complete ? .complete : nil
                    }
                }
            }
            try compare(catalogue, model)
        }
    }

    /// Tables store only eight bytes of an id.
    @Test func contentsWhoseIdsBeginAlikeAreToldApart() throws {
        func alike(_ end: UInt8) -> ContentID {
            ContentID(bytes: Array(id(7).bytes[..<8]) + .init(repeating: end, count: 24))!
        }
        let ids = [alike(3), alike(1), alike(2)]
        let catalogue = try memory([system(), store(0)])
        for settling in [false, true] {
            for (number, id) in ids.enumerated() where (number < 2) != settling {
                try catalogue.append([.content(id, manifest([number]), stores: BitSet([0]))])
            }
            if settling { _ = try catalogue.dump() }
        }
        #expect(try ids.map { try catalogue.manifest($0) } == (0...2).map { manifest([$0]) })
        #expect(try catalogue.manifest(alike(4)) == nil)
        var found: [ContentID] = []
        while let one = try catalogue.holdings(of: 0, after: found.last, limit: 1).first { found.append(one.content) }
        #expect(found == ids.sorted())
    }

    private func compare(_ catalogue: Catalogue, _ model: [[Int: Extent]]) throws {
        for (store, kept) in model.enumerated() {
            let sum = kept.reduce(0) { $0 ^ inventoryMark(of: id($1.key), $1.value) }
            #expect(try catalogue.inventory(of: store) == sum)
            let expected = kept.map { (content: id($0.key), extent: $0.value) }.sorted { $0.content < $1.content }
            var found: [(content: ContentID, extent: Extent)] = []
            while true {
                let page = try catalogue.holdings(of: store, after: found.last?.content, limit: 3)
                if page.isEmpty { break }
                found += page
            }
            #expect(found.map(\.content) == expected.map(\.content))
            #expect(found.map(\.extent) == expected.map(\.extent))
        }
    }
}
