// Ranks that fall silent, return, or are replaced by another process, as seen by others.

import DaftLink
import DaftModel
import DaftPlan
import DaftWire
import Glibc
import Synchronization
import Testing

@testable import DaftZMQ

private final class Seen: Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }

    func watch(_ link: ZMQLink) {
        link.onChange { [self] rank, presence in lines.withLock { $0.append("\(rank) \(presence)") } }
    }

    /// Waits for `count` events, and a little for unexpected ones.
    func first(_ count: Int) -> [String] {
        for _ in 0..<1_000 where all.count < count { usleep(10_000) }
        usleep(50_000)
        return all
    }
}

@Suite(.serialized) struct PresenceTests {
    /// A tenth of the normal timeouts.
    private static let impatience: FailureDetector.Patience = {
        var patience = FailureDetector.Patience()
        patience.suspectedAfterMilliseconds = 300
        patience.goneAfterMilliseconds = 1_000
        patience.standstillMilliseconds = 700
        return patience
    }()

    private func gathered(
        _ count: Int, _ patience: FailureDetector.Patience = PresenceTests.impatience
    ) async throws -> Workstations {
        let stations = try Workstations(count, patience: patience, beatMilliseconds: 100)
        #expect(await stations.gather())
        return stations
    }

    @Test func aRankThatFallsSilentIsGivenUpByAllAndWhatItOwesFails() async throws {
        let stations = try await gathered(3)
        defer { stations.close() }
        let (zero, one) = (Seen(), Seen())
        zero.watch(stations.links[0])
        one.watch(stations.links[1])
        let asker = stations.links[1]
        let asked = asker.loop.start { await error(of: asker, asking: Rank(2)) }
        usleep(100_000)
        stations.stop(2)  // nobody serves there, so the request waits
        #expect(await asked.value == .unreachable(Rank(2)))
        #expect(zero.first(1) == ["rank 2 gone"])
        #expect(one.first(1) == ["rank 2 gone"])
        #expect(stations.links[0].ranks == [Rank(0), Rank(1)] && stations.links[1].ranks == [Rank(0), Rank(1)])
    }

    @Test func whoJoinsIsKnownToAllBeforeTheirNextBeat() async throws {
        let stations = try Workstations(4, beatMilliseconds: 60_000)
        defer { stations.close() }
        #expect(await stations.gather())
    }

    @Test func aShortSilenceIsNoEnd() async throws {
        let stations = try await gathered(2)
        defer { stations.close() }
        let zero = Seen()
        zero.watch(stations.links[0])
        stations.pause(1, milliseconds: 600)
        usleep(500_000)
        #expect(zero.all.isEmpty && stations.links[0].ranks.count == 2)
    }

    @Test func whoWasGivenUpIsBackWhenItIsHeardAgain() async throws {
        let stations = try await gathered(3)
        defer { stations.close() }
        let (zero, two) = (Seen(), Seen())
        zero.watch(stations.links[0])
        two.watch(stations.links[2])
        stations.pause(1, milliseconds: 2_000)
        #expect(zero.first(2) == ["rank 1 gone", "rank 1 here"])
        #expect(two.first(2) == ["rank 1 gone", "rank 1 here"])
        let answered = await answers(stations.links[2], Rank(1), stations)
        #expect(answered)
    }

    @Test func anotherProcessUnderTheSameRankIsANewOne() async throws {
        let stations = try await gathered(3)
        defer { stations.close() }
        let (zero, two) = (Seen(), Seen())
        zero.watch(stations.links[0])
        two.watch(stations.links[2])
        let successor = try stations.another(Rank(1))
        defer { successor.close() }
        #expect(zero.first(2) == ["rank 1 gone", "rank 1 here"])
        #expect(two.first(2) == ["rank 1 gone", "rank 1 here"])
        let answered = await answers(stations.links[2], Rank(1), successor)
        #expect(answered)
    }

    @Test func aMetadataServerThatBeginsAnewIsFoundByThoseWhoWait() async throws {
        let stations = try await gathered(3)
        defer { stations.close() }
        let (one, two) = (Seen(), Seen())
        one.watch(stations.links[1])
        two.watch(stations.links[2])
        stations.end(0)
        #expect(one.first(1) == ["rank 0 gone"])
        let successor = try stations.another(.metadataServer)
        defer { successor.close() }
        #expect(one.first(2) == ["rank 0 gone", "rank 0 here"])
        #expect(two.first(2) == ["rank 0 gone", "rank 0 here"])
        for _ in 0..<300 where successor.links[0].ranks.count < 3 { usleep(10_000) }
        #expect(successor.links[0].ranks == [Rank(0), Rank(1), Rank(2)])
    }

    /// As long as the connection between them, which retries every second, waits for a successor.
    @Test func whatFailedAsTheMetadataServerWasGoneIsNotHeardByTheNextOne() async throws {
        var patience = PresenceTests.impatience
        patience.goneAfterMilliseconds = 1_500
        let stations = try await gathered(9, patience)
        defer { stations.close() }
        stations.end(0)
        let asked = stations.links.map { asker in asker.loop.start { await error(of: asker, asking: .metadataServer) } }
        for one in asked { #expect(await one.value == .unreachable(.metadataServer)) }
        let successor = try stations.another(.metadataServer)
        defer { successor.close() }
        let responder = CountingResponder()
        successor.links[0].serve(responder)
        let askers = stations.links
        for _ in 0..<300 where !askers.allSatisfy({ $0.ranks.contains(.metadataServer) }) { usleep(10_000) }
        for asker in askers {
            #expect(await asker.loop.start { await error(of: asker, asking: .metadataServer) }.value == nil)
        }
        #expect(responder.count == 8)
    }

    /// Whether a rank with a responder answers.
    private func answers(_ link: ZMQLink, _ rank: Rank, _ stations: Workstations) async -> Bool {
        let serving = stations.links.first { $0.rank == rank }
        serving?.serve(CountingResponder())
        return await link.loop.start {
            (try? await link.call(.ping, at: rank, timeoutMilliseconds: 5_000)) == .done
        }.value
    }
}

/// The error of a request.
private func error(of asker: ZMQLink, asking rank: Rank) async -> LinkError? {
    do throws(LinkError) {
        _ = try await asker.call(.ping, at: rank, timeoutMilliseconds: 20_000)
        return nil
    } catch { return error }
}

/// Answers and counts requests.
private final class CountingResponder: Responder {
    private let requests = Mutex(0)
    var count: Int { requests.withLock { $0 } }

    func answer(_ request: Request, from rank: Rank) async -> Reply {
        requests.withLock { $0 += 1 }
        return .done
    }

    func supply(_ run: ChunkRun, to rank: Rank) async -> Supply { Supply(slab: nil, states: []) }
}
