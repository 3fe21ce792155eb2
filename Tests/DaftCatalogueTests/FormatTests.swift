// Migration of catalogues of earlier formats.

import DaftModel
import DaftSQL
import Testing

@testable import DaftCatalogue

@Suite struct FormatTests {
    private let base: [Record] = [
        system(), store(0), store(1), store(2), content(1, [1, 2], in: BitSet([0])),
        content(2, [3, 1], in: BitSet([0, 1])), content(3, []), content(4, [4], in: BitSet([1])),
    ]
    private let later: [Record] = [
        .wish(CopiesRequest([id(1)], .everywhere)), content(5, [5, 2], in: BitSet([2])), keeps([2], [0], .nothing),
    ]

    @Test(arguments: [1, 2]) func aCatalogueOfAnEarlierFormatIsTakenOver(format: Int) throws {
        let place = Place()
        do {
            let catalogue = try Catalogue(path: place.file)
            try catalogue.append(base)
            catalogue.close()
            try turnBack(try Database(path: place.file, durable: false), to: format)
        }
        let catalogue = try Catalogue(path: place.file)
        #expect(try catalogue.dump() == memory(base).dump())
        #expect(try catalogue.copies(of: id(1)) == .one)
        #expect(try catalogue.manifest(id(2)) == manifest([3, 1]))
        #expect(try catalogue.holdings(of: 0, after: nil, limit: 9).map(\.content) == [id(1), id(2)].sorted())
        try catalogue.append(later)
        #expect(try catalogue.dump() == memory(base + later).dump())
    }

    /// Rewrites the database in that format.
    private func turnBack(_ database: Database, to format: Int) throws {
        try database.execute(
            """
            DROP TABLE ids; DROP TABLE chunks;
            CREATE TABLE ids(id BLOB PRIMARY KEY, content INTEGER NOT NULL) WITHOUT ROWID;
            CREATE TABLE chunks(id BLOB PRIMARY KEY, content INTEGER NOT NULL, chunk INTEGER NOT NULL) WITHOUT ROWID;
            INSERT INTO ids SELECT id, number FROM contents;
            PRAGMA user_version = \(format);
            """)
        for (content, chunks) in [[1, 2], [3, 1], [], [4]].enumerated() {
            for (index, id) in manifest(chunks).chunks.enumerated() {
                try database.run(
                    "INSERT OR IGNORE INTO chunks VALUES(?, ?, ?)", .blob(id.bytes), .integer(content), .integer(index))
            }
        }
        guard format == 1 else { return }
        try database.execute(
            """
            DROP TABLE everywhere; ALTER TABLE stores DROP COLUMN left; ALTER TABLE contents DROP COLUMN copies;
            """)
    }
}
