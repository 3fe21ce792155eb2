// A catalogue file: reopened, damaged, of another format, or in use.

import DaftCatalogue
import DaftModel
import DaftSQL
import Glibc
import Testing

/// A temporary directory.
final class Place {
    let path: String
    var file: String { path + "/catalogue.sqlite" }

    init() {
        path = "/tmp/daft-catalogue-tests-\(UInt64.random(in: 0 ... .max))"
        mkdir(path, 0o700)
    }

    deinit {
        for end in ["", "-wal", "-shm"] { unlink(file + end) }
        rmdir(path)
    }

    func write(_ text: String, at offset: Int = 0) {
        guard let file = fopen(file, access(file, F_OK) == 0 ? "r+" : "w") else { return }
        fseek(file, offset, SEEK_SET)
        fputs(text, file)
        fclose(file)
    }
}

@Suite struct CatalogueTests {
    private let records = [
        system(), store(0), directory("/d"), content(1, [1, 2], in: BitSet([0])), file("/d/f", 1),
        keeps([1], [0], .part(BitSet([1]))),
    ]

    @Test(arguments: [true, false]) func whatWasCommittedIsThereAfterOpeningAgain(_ durable: Bool) throws {
        let place = Place()
        let expected = try memory(records)
        var catalogue = try Catalogue(path: place.file, durable: durable)
        try catalogue.append(records)
        catalogue.close()
        catalogue = try Catalogue(path: place.file, durable: durable)
        #expect(catalogue.head == expected.head)
        #expect(catalogue.system == expected.system)
        #expect(try catalogue.inventory(of: 0) == inventoryMark(of: id(1), .part(BitSet([1]))))
        #expect(try catalogue.dump() == expected.dump())
        try catalogue.append([content(2, [2, 3])])
        try expected.append([content(2, [2, 3])])
        #expect(try catalogue.dump() == expected.dump())
    }

    /// Ids that were only in memory are read from the journal.
    @Test func whatWasCommittedIsThereAfterAnEndWithoutClosing() throws {
        let place = Place()
        let expected = try memory(records)
        do {
            let catalogue = try Catalogue(path: place.file)
            try catalogue.append(records)
        }
        let catalogue = try Catalogue(path: place.file)
        #expect(throws: Failure.self) { try catalogue.append([content(1, [1, 2])]) }
        #expect(try catalogue.dump() == expected.dump())
    }

    /// More ids than fit in memory, in a failing and a succeeding change.
    @Test func idsAreKnownOnceTheyLeftMemory() throws {
        let catalogue = try memory([system()])
        let many = (0..<4).map { part in content(part, (0..<45_000).map { part * 40_000 + $0 }) }
        #expect(throws: Failure.self) { try catalogue.append(many + [content(5, [170_000]), content(0, [])]) }
        #expect(catalogue.head.state == 1)
        try catalogue.append(many + [content(5, [170_000, 1])])
        #expect(catalogue.head.state == 1 + 165_001, "a state for each chunk that was not known")
        #expect(throws: Failure.self) { try catalogue.append([content(3, [])]) }
        try catalogue.append([content(6, [0, 164_999, 170_000, 170_001, 170_002])])
        #expect(catalogue.head.state == 1 + 165_003)
    }

    @Test func afterClosingQuestionsFailAndTheHeadIsKnown() throws {
        let catalogue = try memory(records)
        let head = catalogue.head
        catalogue.close()
        catalogue.close()
        #expect(catalogue.head == head)
        let failure = #expect(throws: Failure.self) { try catalogue.entry(.root) }
        #expect(failure?.kind == .stopped)
    }

    @Test func aFileThatIsNoDatabaseIsRefused() throws {
        let place = Place()
        place.write(String(repeating: "these are somebody's notes\n", count: 400))
        let failure = #expect(throws: Failure.self) { try Catalogue(path: place.file) }
        #expect(failure?.kind == .corrupt)
        #expect(failure?.reason.contains("move it away") == true)
        #expect(failure?.subject == Array(place.file.utf8))
    }

    @Test func aDatabaseOfSomethingElseIsRefusedAndLeftAlone() throws {
        let place = Place()
        do { try Database(path: place.file, durable: false).execute("CREATE TABLE notes(text)") }
        let failure = #expect(throws: Failure.self) { try Catalogue(path: place.file) }
        #expect(failure?.reason.contains("no catalogue of daft") == true)
    }

    @Test func aDamagedFileIsRefused() throws {
        let place = Place()
        do {
            let catalogue = try Catalogue(path: place.file)
            try catalogue.append(records)
            catalogue.close()
        }
        place.write(String(repeating: "damage! ", count: 6 * 512), at: 4096)
        let failure = #expect(throws: Failure.self) { try Catalogue(path: place.file) }
        #expect(failure?.kind == .corrupt)
        #expect(failure?.reason.contains("damaged") == true)
    }

    @Test func aNewerFormatIsRefusedWithBothNumbers() throws {
        let place = Place()
        do { try Catalogue(path: place.file).append(records) }
        do { try Database(path: place.file, durable: false).execute("PRAGMA user_version = 7") }
        let failure = #expect(throws: Failure.self) { try Catalogue(path: place.file) }
        #expect(failure?.reason.contains("format 7") == true)
        #expect(failure?.reason.contains("format 3") == true)
    }

    @Test func aCatalogueThatIsOpenElsewhereIsRefused() throws {
        let place = Place()
        let catalogue = try Catalogue(path: place.file)
        let failure = #expect(throws: Failure.self) { try Catalogue(path: place.file) }
        #expect(failure?.kind == .locked)
        catalogue.close()
        #expect(try Catalogue(path: place.file).head == .empty)
    }

    @Test func aDirectoryThatIsMissingIsNamed() throws {
        let failure = #expect(throws: Failure.self) { try Catalogue(path: "/tmp/no/such/place/c.sqlite") }
        #expect(failure.map { shown($0.subject) } == "/tmp/no/such/place/c.sqlite")
    }
}
