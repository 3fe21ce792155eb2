// Acknowledged data survives a disk that forgets unsynced changes.
import DaftModel
import DaftStore
import TestDisk
import Testing

@Suite struct PowerLossTests {
    /// Stores contents in every way, cut off at a random moment.
    private func work(_ store: Store, _ random: inout Sequence64) throws -> (placed: [String: Made], all: [Made]) {
        var placed: [String: Made] = [:]
        var all: [Made] = []
        let steps = Int.random(in: 1...12, using: &random)
        for step in 0..<steps {
            let made = Made(seed: random.next(), size: Int.random(in: 0...30_000, using: &random))
            all.append(made)
            switch Int.random(in: 0...2, using: &random) {
            case 0: try store.fillWhole(made).finish()
            case 1: try store.keepWhole([made])
            default:
                let ingest = try store.ingest(made.id, size: made.manifest.size, chunkSize: made.manifest.chunkSize)
                for chunk in made.manifest.chunks.indices { try ingest.write(made, chunk) }
                if Bool.random(using: &random) { try ingest.checkpoint() }
                try ingest.finish(as: made.id, made.manifest)
            }
            if step == steps - 1, Bool.random(using: &random) { break }
            let names = ["/d\(step % 3)/e/\(step)", "/\(step)"].prefix(Int.random(in: 1...2, using: &random))
            #expect(try store.place(names.map { NamedEntry(name($0), made.entry()) }) == [])
            for text in names { placed[text] = made }
        }
        let part = Made(seed: random.next(), size: 30_000)
        all.append(part)
        let partialFile = try store.fillWhole(part, only: [1, 2, 5])
        if Bool.random(using: &random) { try partialFile.checkpoint() }
        return (placed, all)
    }

    /// Everything offered is right, and no name of a known content has other bytes.
    private func inspect(_ store: Store, _ fixture: Fixture, _ all: [Made], _ placed: [String: Made]) throws {
        for (content, extent) in try store.kept(after: nil, limit: .max) {
            let made = try #require(all.first { $0.id == content })
            for chunk in extent.chunks(of: made.manifest.chunks.count) {
                #expect(try store.bytes(chunk, of: content) == made.chunk(chunk))
            }
        }
        for (text, made) in placed {
            let found = fixture.contents(text)
            #expect(found == nil || found == made.bytes, "\(text) shows wrong bytes")
            #expect(try store.entry(name(text)) == nil || found == made.bytes)
        }
        #expect(store.inventory == (try store.sumOfKept))
    }

    @Test(arguments: 1...60) func whatADurableStoreAcknowledgedSurvives(seed: UInt64) throws {
        var random = Sequence64(seed)
        let fixture = Fixture(durable: true)
        let (placed, all) = try work(try fixture.open(), &random)
        let store = try fixture.afterPowerLoss(&random)
        try inspect(store, fixture, all, placed)
        for (text, made) in placed {
            #expect(fixture.contents(text) == made.bytes)
            #expect(try store.entry(name(text)) == made.entry())
        }
        for made in all.dropLast() { #expect(try store.extent(of: made.id) == .complete) }
    }

    @Test(arguments: 1...60) func aStoreThatSyncsNothingOffersOnlyWhatIsRight(seed: UInt64) throws {
        var random = Sequence64(seed)
        let fixture = Fixture()
        let (placed, all) = try work(try fixture.open(), &random)
        let store = try fixture.afterPowerLoss(&random)
        try inspect(store, fixture, all, placed)
        for (text, made) in placed {
            try store.fillWhole(made).finish()
            #expect(try store.place([NamedEntry(name(text), made.entry())]) == [], "running again brings all back")
            #expect(fixture.contents(text) == made.bytes)
        }
        try inspect(store, fixture, all, placed)
    }

    /// Names removed at the first start must not return after the second.
    @Test(arguments: 1...60) func aSecondLossOfPowerBringsNoWrongBytesBack(seed: UInt64) throws {
        var random = Sequence64(seed)
        let fixture = Fixture()
        let (placed, all) = try work(try fixture.open(), &random)
        try fixture.afterPowerLoss(&random).close()
        let store = try fixture.afterPowerLoss(&random)
        try inspect(store, fixture, all, placed)
    }

    /// A synced first file says nothing about a later copy.
    @Test(arguments: 1...40) func aNameThatIsNotSyncedIsInDoubtThoughItsContentIsOnTheDisk(seed: UInt64) throws {
        var random = Sequence64(seed)
        let fixture = Fixture(durable: true)
        let made = Made(seed: seed, size: 3_000)
        let first = try fixture.open()
        try first.put(made, at: "/a")
        first.close()
        fixture.options.durable = false
        #expect(try fixture.open().place([NamedEntry(name("/b"), made.entry())]) == [])
        let last = try fixture.afterPowerLoss(&random)
        try inspect(last, fixture, [made], ["/a": made, "/b": made])
        #expect(fixture.contents("/a") == made.bytes)
    }

    /// Its contents count as kept without being written again.
    @Test(arguments: 1...20) func aStoreThatIsDurableFromNowOnKeepsWhatItHadBefore(seed: UInt64) throws {
        var random = Sequence64(seed)
        let fixture = Fixture()
        let made = Made(seed: seed, size: 9_000)
        let unnamed = Made(seed: seed + 1_000, size: 9_000)
        let first = try fixture.open()
        try first.put(made, at: "/d/a", "/b")
        try first.fillWhole(unnamed).finish()
        first.close()
        fixture.options.durable = true
        #expect(try fixture.open().extent(of: unnamed.id) == .complete)
        let last = try fixture.afterPowerLoss(&random)
        #expect(fixture.contents("/d/a") == made.bytes && fixture.contents("/b") == made.bytes)
        #expect(try last.extent(of: unnamed.id) == .complete)
        try inspect(last, fixture, [made, unnamed], ["/d/a": made, "/b": made])
    }

    @Test func somethingIsLostWithoutSyncing() throws {
        var losses = 0
        for seed in 1...10 as ClosedRange<UInt64> {
            var random = Sequence64(seed)
            let fixture = Fixture()
            let (placed, _) = try work(try fixture.open(), &random)
            let store = try fixture.afterPowerLoss(&random)
            losses += try placed.keys.filter { try store.entry(name($0)) == nil }.count
        }
        #expect(losses > 0, "a disk that forgets nothing would prove nothing")
    }
}
