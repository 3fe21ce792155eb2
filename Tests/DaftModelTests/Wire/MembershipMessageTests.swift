// Golden bytes of the membership messages, and robustness of their decoders.
import DaftModel
import DaftWire
import Testing

@Suite struct MembershipMessageTests {
    private let entry = RankAddress(
        rank: Rank(2), incarnation: 0x0102, address: "10.0.0.2", talkPort: 4_000, bulkPort: 4_001, isHere: false)

    @Test func everyWordHasItsForm() {
        expectForms(
            [
                .introduce(talkPort: 1, bulkPort: 0x0203), .heartbeat(edition: 7), .heartbeatReply(edition: 8),
                .book(AddressBook(edition: 9, [entry])), .unknownProcess, .bulk(token: [1, 0xff]), .farewell,
            ] as [MembershipMessage],
            [
                "010101000302", "01020700000000000000", "01030800000000000000",
                "0104090000000000000001000000"
                    + "02000000" + "0201000000000000" + "08000000" + "31302e302e302e32" + "a00f" + "a10f" + "00",
                "0105", "01060200000001ff", "0107",
            ])
    }

    @Test func aNewEntryTakesThePlaceOfTheOlderOneAndMakesAnEdition() {
        var book = AddressBook()
        var other = entry
        other.isHere = true
        book.note(entry)
        book.note(RankAddress(rank: Rank(1), incarnation: 1, address: "", talkPort: 1, bulkPort: 2))
        book.note(other)
        #expect(book.edition == 3 && book.entries.map(\.rank) == [Rank(1), Rank(2)])
        #expect(book[Rank(2)]?.isHere == true && book[Rank(3)] == nil)
    }
}
