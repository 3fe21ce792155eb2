// Readers see exactly the committed state, never block on a writer, and find ids in memory and tables.

import DaftModel
import Foundation
import Synchronization
import Testing

@testable import DaftCatalogue

@Suite struct ReaderTests {
    private let place = Place()

    @Test func aChangeThatIsUnderWayIsNotSeenAndNotWaitedFor() throws {
        let catalogue = try Catalogue(path: place.file)
        try catalogue.append([system(), store(0), directory("/d")])
        let state = catalogue.head.state
        try catalogue.change { (change) throws(Failure) in
            try change.append(directory("/e"))
            // Another thread reads while this transaction is open.
            let answer = Mutex<(Entry?, Entry?, State)?>(nil)
            let done = DispatchSemaphore(value: 0)
            Thread.detachNewThread {
                let found = try? (catalogue.entry(name("/e")), catalogue.entry(name("/d")), catalogue.head.state)
                answer.withLock { $0 = found }
                done.signal()
            }
            #expect(done.wait(timeout: .now() + 10) == .success)
            let found = answer.withLock { $0 }
            #expect(found?.0 == nil)
            #expect(found?.1?.isDirectory == true)
            #expect(found?.2 == state)
        }
        #expect(try catalogue.entry(name("/e"))?.isDirectory == true)
    }

    @Test func sizesAreKnownBeforeAndAfterIdsAreSettled() throws {
        let catalogue = try Catalogue(path: place.file)
        try catalogue.append([system(), store(0), directory("/d")])
        for number in 0..<50 {
            try catalogue.append([content(number, [number]), file("/d/\(number)", number)])
            for known in 0...number { #expect(try catalogue.attributes(of: name("/d/\(known)"))?.size == 4096) }
            // Settles the ids from memory into their tables.
            if number % 7 == 0 { _ = try catalogue.holdings(of: 0, after: nil, limit: 1) }
        }
        let listed = try #require(try catalogue.entries(of: name("/d"), after: nil, limit: 100))
        #expect(listed.count == 50)
        #expect(listed.allSatisfy { $0.attributes.size == 4096 && $0.attributes.entry.content != nil })
    }

    /// Content numbers start over with other meanings.
    @Test func afterAResetNothingOldIsKnown() throws {
        let catalogue = try Catalogue(path: place.file)
        try catalogue.append([system(), store(0), content(1, [1, 2, 3]), file("/a", 1)])
        #expect(try catalogue.attributes(of: name("/a"))?.size == 3 * 4096)
        try catalogue.reset()
        #expect(try catalogue.attributes(of: name("/a")) == nil)
        try catalogue.append([
            system(2), store(0), content(5, [9]), content(1, [1, 2, 3]), file("/b", 5), file("/c", 1),
        ])
        #expect(try catalogue.attributes(of: name("/b"))?.size == 4096)
        #expect(try catalogue.attributes(of: name("/c"))?.size == 3 * 4096)
        #expect(try catalogue.entry(name("/a")) == nil)
    }

    @Test func manyAskWhileOneChanges() throws {
        let catalogue = try Catalogue(path: place.file)
        try catalogue.append([system(), store(0), directory("/d")])
        let isOver = Atomic(false)
        let wrong = Mutex<[String]>([])
        let asked = Atomic(0)
        let group = DispatchGroup()
        for _ in 0..<4 {
            group.enter()
            Thread.detachNewThread {
                while !isOver.load(ordering: .relaxed) {
                    do {
                        // Everything that a snapshot lists is known to it.
                        try catalogue.snapshot { (snapshot) throws(Failure) in
                            for number in 0..<200 {
                                guard let found = try snapshot.entry(name("/d/\(number)"))?.content else { break }
                                if try snapshot.size(of: found)?.bytes != 4096 {
                                    wrong.withLock { $0.append("\(number) has another size") }
                                }
                            }
                        }
                        asked.add(1, ordering: .relaxed)
                    } catch {
                        wrong.withLock { $0.append("\(error)") }
                    }
                }
                group.leave()
            }
        }
        for number in 0..<200 {
            try catalogue.append([content(number, [number]), file("/d/\(number)", number)])
            if number % 50 == 49 { _ = try catalogue.holdings(of: 0, after: nil, limit: 1) }
        }
        isOver.store(true, ordering: .relaxed)
        group.wait()
        #expect(wrong.withLock { $0 } == [])
        #expect(asked.load(ordering: .relaxed) > 0)
    }

    @Test func aClosedCatalogueAnswersNothing() throws {
        let catalogue = try Catalogue(path: place.file)
        try catalogue.append([system(), directory("/d")])
        _ = try catalogue.entry(name("/d"))
        let head = catalogue.head
        catalogue.close()
        let failure = #expect(throws: Failure.self) { try catalogue.entry(name("/d")) }
        #expect(failure?.kind == .stopped)
        #expect(catalogue.head == head)
    }

    @Test func aCommitIsTold() throws {
        let catalogue = try Catalogue(path: place.file)
        let heads = Mutex<[State]>([])
        catalogue.onCommit { heads.withLock { $0.append(catalogue.head.state) } }
        try catalogue.append([system()])
        try catalogue.append([directory("/d")])
        _ = try catalogue.entry(name("/d"))
        #expect(heads.withLock { $0 } == [1, 2])
    }
}

@Suite struct RecordSizeTests {
    @Test func aRecordTellsTheSizeOfItsContentAndOfNoOther() throws {
        let manifest = manifest([1, 2, 3])
        let encoded = Record.content(id(7), manifest, stores: BitSet([0])).encoded
        encoded.withUnsafeBytes { bytes in
            #expect(Record.size(of: id(7), from: bytes) == manifest.size)
            #expect(Record.size(of: id(8), from: bytes) == nil)
            for count in 0..<43 {
                #expect(Record.size(of: id(7), from: UnsafeRawBufferPointer(rebasing: bytes[..<count])) == nil)
            }
        }
        for other in [system(), store(0), directory("/d"), file("/f", 7)] {
            #expect(other.encoded.withUnsafeBytes { Record.size(of: id(7), from: $0) } == nil)
        }
    }

    /// If the content is older, the record before the name's is another's.
    @Test func aFurtherNameOfAContentHasItsSize() throws {
        let place = Place()
        let catalogue = try Catalogue(path: place.file)
        try catalogue.append([
            system(), store(0), content(1, [1, 2]), file("/a", 1), content(2, [3]), file("/b", 1), file("/c", 2),
        ])
        for (name, size) in [("/a", 2), ("/b", 2), ("/c", 1)] {
            #expect(try catalogue.attributes(of: DaftCatalogueTests.name(name))?.size == Int64(size * 4096))
        }
        #expect(try catalogue.entries(of: .root, after: nil, limit: 9)?.map(\.attributes.size) == [8192, 8192, 4096])
    }
}
