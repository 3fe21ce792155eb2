// The memory link keeps the link contract.

import DaftLink
import DaftModel
import DaftWire
import Synchronization
import Testing

@Suite struct ContractTests {
    @Test(arguments: [1, 2, 5]) func theMemoryLinkKeepsTheContract(_ ranks: Int) async {
        let network = MemoryNetwork()
        let loops = (0..<ranks).map { ThreadLoop(name: "rank\($0)") }
        let links = loops.indices.map { network.link(Rank($0), on: loops[$0]) }
        let others = links.dropFirst().map { link in link.loop.start { await LinkContract.serve(link) } }
        let broken = await loops[0].start { await LinkContract(links[0]).run() }.value
        #expect(broken.isEmpty, "\(broken)")
        for other in others { await other.value }
        for loop in loops { loop.stop() }
    }

    @Test func aKilledRankOfTheMemoryLinkCannotBeReached() async {
        let network = MemoryNetwork()
        let loops = (0..<2).map { ThreadLoop(name: "rank\($0)") }
        let links = loops.indices.map { network.link(Rank($0), on: loops[$0]) }
        loops[1].start { await LinkContract.serve(links[1]) }
        let broken = await loops[0].start {
            await LinkContract(links[0]).checkDeath(of: Rank(1)) { network.kill(Rank(1)) }
        }.value
        #expect(broken == nil, "\(String(describing: broken))")
        loops[0].stop()
    }

    @Test func whoComesAndGoesIsTold() async {
        let network = MemoryNetwork()
        let loops = (0..<2).map { ThreadLoop(name: "rank\($0)") }
        let first = network.link(Rank(0), on: loops[0])
        let seen = Mutex<[String]>([])
        first.onChange { rank, presence in seen.withLock { $0.append("\(rank) \(presence)") } }
        _ = network.link(Rank(1), on: loops[1])
        network.kill(Rank(1))
        _ = network.link(Rank(1), on: loops[1])
        for loop in loops { loop.stop() }
        #expect(seen.withLock { $0 } == ["rank 1 here", "rank 1 gone", "rank 1 here"])
    }

    /// The contract detects links that lose messages, corrupt bytes, or write out of place.
    @Test func brokenLinksAreFound() async {
        for flaw in Flaw.allCases {
            let network = MemoryNetwork()
            let loops = (0..<2).map { ThreadLoop(name: "rank\($0)") }
            let links = loops.indices.map { network.link(Rank($0), on: loops[$0]) }
            let other = loops[1].start { await LinkContract.serve(links[1]) }
            let flawed = FlawedLink(link: links[0], flaw: flaw)
            let broken = await loops[0].start { await LinkContract(flawed).run([flaw.rawValue]) }.value
            #expect(broken.map(\.check) == [flaw.rawValue], "\(broken)")
            await other.value
        }
    }
}

private enum Flaw: String, CaseIterable {
    case writesBehind = "bytes land in their places and nowhere else"
    case neverTimesOut = "a question ends by its deadline"
    case saysNothingOfTheDead = "a rank that is not there cannot be reached"
}

private struct FlawedLink: Link {
    let link: MemoryLink
    let flaw: Flaw

    var rank: Rank { link.rank }
    var ranks: [Rank] { link.ranks }
    var loop: any Loop { link.loop }
    func onChange(_ body: @escaping @Sendable (Rank, Presence) -> Void) { link.onChange(body) }
    func serve(_ responder: any Responder) { link.serve(responder) }
    func close() { link.close() }

    func call(_ request: Request, at rank: Rank, timeoutMilliseconds: Int) async throws(LinkError) -> Reply {
        let milliseconds = flaw == .neverTimesOut ? 60_000 : timeoutMilliseconds
        do throws(LinkError) {
            return try await link.call(request, at: rank, timeoutMilliseconds: milliseconds)
        } catch {
            if flaw == .saysNothingOfTheDead, case .unreachable = error { throw .timedOut(rank, milliseconds: 1) }
            throw error
        }
    }

    func load(
        _ run: ChunkRun, from rank: Rank, into slab: Slab, incomingSlab: IncomingSlab?, timeoutMilliseconds: Int
    ) async throws(LinkError) -> [PieceState] {
        let states = try await link.load(
            run, from: rank, into: slab, incomingSlab: incomingSlab, timeoutMilliseconds: timeoutMilliseconds)
        if flaw == .writesBehind, run.pieces.count == 6, run.pieces[0].length == 4096 {
            slab.withMutableBytes { $0[run.byteCount] = 0 }
        }
        return states
    }
}
