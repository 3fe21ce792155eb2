// An ingest of unknown content is recorded by key and found again.
import DaftModel
import DaftStore
import Foundation
import Glibc
import Synchronization
import TestDisk
import Testing

private final class UnrenamingDisk: FaultyDisk, @unchecked Sendable {
    override func rename(_ from: Location, to: Location) throws(SystemError) {
        throw SystemError(code: EIO, call: "renameat2")
    }
}

@Suite struct IngestTests {
    let fixture = Fixture()
    let key = digest(of: [1, 2, 3])
    let made = Made(seed: 1, size: 18_000)

    private func ingest(_ store: Store, _ chunks: [Int]) throws -> PartialFile {
        let ingest = try store.ingest(key, size: made.manifest.size, chunkSize: made.manifest.chunkSize)
        for chunk in chunks { try ingest.write(made, chunk) }
        return ingest
    }

    @Test func aFileReadInBecomesItsContent() throws {
        let store = try fixture.open()
        try ingest(store, [0, 1, 2, 3, 4]).finish(as: made.id, made.manifest)
        #expect(try store.extent(of: made.id) == .complete)
        #expect(fixture.partials == [made.id.hex])
        #expect(try store.place([NamedEntry(name("/a"), made.entry())]) == [])
        #expect(fixture.contents("/a") == made.bytes)
        #expect(try store.chunkLocation(of: made.manifest.chunks[3])?.chunk == 3)
        store.close()
        #expect(try fixture.open().extent(of: made.id) == .complete)
    }

    /// Killed between record and rename, then opened on a failing disk: the bytes do not count as lost.
    @Test func aRenameThatFailsAtTheStartLosesNothing() throws {
        do {
            let store = try fixture.open()
            let ingest = try ingest(store, [0, 1, 2, 3, 4])
            try ingest.checkpoint()
            fixture.copyAtNextRename()
            try ingest.finish(as: made.id, made.manifest)
        }
        fixture.options.disk = UnrenamingDisk(graveyard: fixture.directory + "/graves")
        #expect(failureKind { _ = try fixture.openCopy() } != nil)
        fixture.options.disk = fixture.disk
        #expect(try fixture.open().extent(of: made.id) == .complete)
    }

    @Test func aKilledIngestKnowsWhatItHad() throws {
        do {
            let ingest = try ingest(try fixture.open(), [1, 3])
            try ingest.checkpoint()
        }
        let store = try fixture.open()
        let again = try ingest(store, [])
        #expect(again.have == BitSet([1, 3]))
        #expect(again.id(of: 3) == made.manifest.chunks[3])
        #expect(again.id(of: 0) == nil)
        for chunk in [0, 2, 4] { try again.write(made, chunk) }
        try again.finish(as: made.id, made.manifest)
        #expect(try store.check(made.id) == [])
    }

    @Test func aPausedIngestIsGoneOnWithWhoeverStillHoldsIt() throws {
        let store = try fixture.open()
        let held = try ingest(store, [1, 3])
        try held.pause()
        let again = try ingest(store, [])
        #expect(again.have == BitSet([1, 3]))
        try again.finish(as: made.id, made.manifest)
        #expect(try store.extent(of: made.id) == .part(BitSet([1, 3])))
        withExtendedLifetime(held) {}
    }

    @Test func aChunkThatChangedIsWrittenAnew() throws {
        let store = try fixture.open()
        let other = Made(seed: 2, size: 18_000)
        let ingest = try ingest(store, [0, 1, 2, 3, 4])
        try ingest.write(other, 0)
        #expect(ingest.id(of: 0) == other.manifest.chunks[0])
        #expect(failureKind { try ingest.finish(as: made.id, made.manifest) } == .changed)
        try ingest.write(made, 0)
        try ingest.finish(as: made.id, made.manifest)
        #expect(try store.check(made.id) == [])
    }

    @Test func aPartOfAFileBecomesAPartOfTheContent() throws {
        let store = try fixture.open()
        try ingest(store, [0, 4]).finish(as: made.id, made.manifest)
        #expect(try store.extent(of: made.id) == .part(BitSet([0, 4])))
        try ingest(store, [2, 4]).finish(as: made.id, made.manifest)
        #expect(try store.extent(of: made.id) == .part(BitSet([0, 2, 4])))
        #expect(store.inventory == (try store.sumOfKept))
        try ingest(store, [1, 3]).finish(as: made.id, made.manifest)
        #expect(try store.extent(of: made.id) == .complete)
        #expect(try store.check(made.id) == [])
        #expect(fixture.partials == [made.id.hex])
    }

    @Test func aPartMergesIntoAFillingUnderWay() throws {
        let store = try fixture.open()
        let partialFile = try store.fillWhole(made, only: [0])
        try ingest(store, [1, 2, 3]).finish(as: made.id, made.manifest)
        #expect(partialFile.have == BitSet([0, 1, 2, 3]))
        try partialFile.write(made, 4)
        try partialFile.finish()
        #expect(try store.check(made.id) == [])
    }

    @Test func whatIsKeptAlreadyIsNotKeptTwice() throws {
        let store = try fixture.open()
        try store.put(made, at: "/a")
        try ingest(store, [0, 1, 2, 3, 4]).finish(as: made.id, made.manifest)
        #expect(fixture.partials == [])
        #expect(store.inventory == inventoryMark(of: made.id, .complete))
    }

    @Test func aSecondIngestOfTheSameFileIsPrivate() throws {
        let store = try fixture.open()
        let first = try ingest(store, [0])
        let second = try ingest(store, [1])
        #expect(first !== second && second.have == BitSet([1]))
        for chunk in [1, 2, 3, 4] { try first.write(made, chunk) }
        for chunk in [0, 2, 3, 4] { try second.write(made, chunk) }
        try second.finish(as: made.id, made.manifest)
        try first.finish(as: made.id, made.manifest)
        #expect(try store.check(made.id) == [])
        #expect(fixture.partials == [made.id.hex])
    }

    @Test func anIngestOfAnotherSizeBeginsAnew() throws {
        let store = try fixture.open()
        do { try ingest(store, [0]).checkpoint() }
        let other = try store.ingest(key, size: 5000, chunkSize: made.manifest.chunkSize)
        #expect(other.have.isEmpty)
        other.abandon()
        #expect(fixture.partials == [])
        #expect(try ingest(store, []).have.isEmpty)
    }

    @Test(arguments: [[0, 1, 2, 3, 4], [1, 4]]) func aKillBeforeTheRenameOfAnIngestLosesNothing(chunks: [Int]) throws {
        do {
            let ingest = try ingest(try fixture.open(), chunks)
            try ingest.checkpoint()
            fixture.copyAtNextRename()
            try ingest.finish(as: made.id, made.manifest)
        }
        let store = try fixture.openCopy()
        #expect(try store.extent(of: made.id) == Extent(BitSet(chunks), of: 5))
        #expect(try store.check(made.id) == [])
        #expect(fixture.partials == [made.id.hex])
        #expect(try ingest(store, []).have.isEmpty)
    }

    /// Regression: once in a thousand times, mostly with a busy ledger, one's file was removed as the other's.
    @Test func twoFilesThatTurnOutToBeOneContentLeaveIt() async throws {
        let store = try fixture.open()
        let isOver = Mutex(false)
        for _ in 0..<3 {
            Thread { while !isOver.withLock({ $0 }) { _ = try? store.kept(after: nil, limit: 3) } }.start()
        }
        defer { isOver.withLock { $0 = true } }
        for round in 0..<40 {
            let made = Made(seed: UInt64(100 + round), size: 9_000)
            let ingests = try (0..<3).map { number in
                let key = digest(of: [UInt8(number), UInt8(round)])
                let ingest = try store.ingest(key, size: made.manifest.size, chunkSize: made.manifest.chunkSize)
                for chunk in made.manifest.chunks.indices { try ingest.write(made, chunk) }
                return ingest
            }
            await withTaskGroup(of: Void.self) { group in
                for ingest in ingests { group.addTask { try? ingest.finish(as: made.id, made.manifest) } }
            }
            let entries = ["/a\(round)", "/b\(round)"].map { NamedEntry(name($0), made.entry()) }
            #expect(try store.place(entries) == [], "round \(round)")
        }
        #expect(fixture.partials == [])
    }
}
