// The order of a chain, and its readers.
import DaftModel
import Testing

@Suite struct ChainTests {
    private let chain = Chain([Rank(3), Rank(1), Rank(2), Rank(4)], readers: [1, 3])

    @Test func upstreamGoesRoundTheRingNearestFirst() {
        #expect(chain.upstream(of: Rank(2)) == [Rank(1), Rank(3), Rank(4)])
        #expect(chain.upstream(of: Rank(3)) == [Rank(4), Rank(2), Rank(1)])
        #expect(Chain([Rank(5)]).upstream(of: Rank(5)).isEmpty)
    }

    @Test func distancesAreThoseOfUpstream() {
        for (steps, rank) in chain.upstream(of: Rank(2)).enumerated() {
            #expect(chain.distance(from: Rank(2), upTo: rank) == steps + 1)
        }
        #expect(chain.distance(from: Rank(2), upTo: Rank(2)) == 0)
        #expect(chain.distance(from: Rank(2), upTo: Rank(9)) == nil)
    }

    @Test func readersShareWhatThereIs() {
        #expect((0..<4).map { chain.reader(of: $0, among: 4) } == [Rank(1), Rank(1), Rank(4), Rank(4)])
        #expect(chain.reader(of: 0, among: 1) == Rank(1))
        #expect(Chain([Rank(1)]).reader(of: 0, among: 1) == nil)
    }

    @Test func aReaderBeyondTheChainIsMalformed() {
        var bytes = Chain([Rank(1), Rank(2)], readers: [1]).encoded
        bytes[bytes.count - 4] = 2
        #expect(throws: Malformed.self) { try Chain(decoding: bytes) }
    }
}
