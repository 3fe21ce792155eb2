// Dispatches requests of other ranks to the components that answer them.

import DaftLink
import DaftModel
import DaftWire

final class RequestRouter: Responder {
    private let station: Station
    private let metadataServer: MetadataServer?
    private let dataServer: DataServer?

    init(_ station: Station, metadataServer: MetadataServer?, dataServer: DataServer?) {
        self.station = station
        self.metadataServer = metadataServer
        self.dataServer = dataServer
    }

    func answer(_ request: Request, from rank: Rank) async -> Reply {
        guard let log = station.settings.log else { return await found(request, from: rank) }
        let begun = station.loop.now
        let reply = await found(request, from: rank)
        log.note(
            .debug, "question",
            [
                "kind": caseName(of: request), "from": "\(rank.number)", "answer": caseName(of: reply),
                "ms": "\((station.loop.now - begun) / 1_000_000)",
            ])
        return reply
    }

    private func found(_ request: Request, from rank: Rank) async -> Reply {
        switch request {
        case .identify(let offer, let spans): return .identified(await identify(spans, of: offer))
        case .pace(let offer, let spans): return await pace(spans, of: offer)
        case .traced(let first): return station.traced(from: first)
        case .underWay: return .underWay(station.activity)
        default: break
        }
        if let metadataServer { return await metadataServer.answer(request, from: rank) }
        if let dataServer { return await dataServer.answer(request, from: rank) }
        return .failed(Failure(.malformed, [], "nobody here answers that"))
    }

    func supply(_ run: ChunkRun, to rank: Rank) async -> Supply {
        var supply = await ChunkServer(station: station, run: run).supply()
        if rank != station.rank { station.counter.add(sent: run.bytesMoved(supply.states)) }
        station.trace?.watch(&supply, of: run, to: rank)
        return supply
    }

    private func pace(_ spans: [Span], of offer: UInt64) async -> Reply {
        do throws(Failure) {
            return .wait(nanoseconds: try await station.offers.pace(offer, spans))
        } catch {
            return .failed(error)
        }
    }

    /// Of files that this rank offers, or ingests in a chain.
    private func identify(_ spans: [Span], of offer: Offer) async -> [Identified] {
        guard offer.rank == station.rank else { return await station.chainChunkIDs.answer(spans, of: offer) }
        let bytes = station.offers.chunkBytes(of: offer.number) ?? station.settings.chunkSize.bytes
        let scratch = await station.outlet.take(chunksTogether, of: bytes)
        return await station.offers.identify(offer.number, spans, scratch: scratch)
    }
}
