// Noted names of partial contents are kept exactly as long as the content is partial.
import DaftModel
import DaftStore
import Testing

@Suite struct NoteTests {
    let fixture = Fixture()
    let made = Made(seed: 1, size: 18_000)

    private func noted(_ store: Store) throws -> [Name] { try store.noted(after: nil, limit: 9).map(\.name) }

    private func partly(_ store: Store) throws {
        try store.fillWhole(made, only: [1, 2]).pause()
        try store.note([NamedEntry(name("/b"), made.entry()), NamedEntry(name("/a"), made.entry())])
    }

    @Test func aNoteStaysWithThePart() throws {
        do {
            let store = try fixture.open()
            try partly(store)
            #expect(try noted(store) == [name("/a"), name("/b")])
            #expect(try store.noted(after: name("/a"), limit: 9) == [NamedEntry(name("/b"), made.entry())])
            store.close()
        }
        let store = try fixture.open()
        #expect(try noted(store) == [name("/a"), name("/b")])
        #expect(try store.named(after: nil, limit: 9).isEmpty)
        try store.forgetNotes([name("/a")])
        #expect(try noted(store) == [name("/b")])
        try store.drop(made.id)
        #expect(try noted(store).isEmpty)
    }

    @Test func aNameThatStandsNeedsNone() throws {
        let store = try fixture.open()
        try partly(store)
        try store.fillWhole(made).finish()
        #expect(try store.place([NamedEntry(name("/a"), made.entry())]) == [])
        #expect(try noted(store) == [name("/b")])
    }

    @Test func whatIsNotKeptAtAllIsNotNoted() throws {
        let store = try fixture.open()
        try store.note([NamedEntry(name("/a"), made.entry())])
        #expect(try noted(store).isEmpty)
    }
}
