// Where the questions of other ranks arrive: each goes to whom it concerns.

import DaftCore
import DaftLink
import DaftStore

final class Reception: Responder {
    private let station: Station
    private let metadataServer: MetadataServer?
    private let dataServer: DataServer?

    init(_ station: Station, metadataServer: MetadataServer?, dataServer: DataServer?) {
        self.station = station
        self.metadataServer = metadataServer
        self.dataServer = dataServer
    }

    func answer(_ request: Request, from rank: Rank) async -> Reply {
        switch request {
        case .identify(let offer, let spans): return await identify(offer, spans)
        case .underWay: return .underWay(station.underWay.listed(host: station.settings.host))
        default: break
        }
        if let metadataServer { return await metadataServer.answer(request, from: rank) }
        if let dataServer { return await dataServer.answer(request, from: rank) }
        return .failed(Failure(.malformed, [], "nobody here answers that"))
    }

    func supply(_ run: ChunkRun, to rank: Rank) async -> Supply {
        if run.waits, let dataServer { await dataServer.awaitPieces(of: run) }
        guard run.byteCount <= station.outlet.totalBytes else {
            return Supply(slab: nil, states: run.pieces.map { _ in .missing })
        }
        let slab = await station.outlet.take(run.byteCount)
        let station = station
        let states = await station.workers.run {
            zip(run.pieces, run.offsets).map { piece, offset in
                let memory = slab.slice(offset, piece.length)
                switch piece.origin {
                case .kept(let content): return station.read(piece.chunk, of: content, into: memory)
                case .offered(let offer, let file):
                    return station.offers.read(offer, file, chunk: piece.chunk, into: memory)
                }
            }
        }
        return Supply(slab: states.contains(.sent) ? slab : nil, states: states)
    }

    private func identify(_ offer: UInt64, _ spans: [Span]) async -> Reply {
        let scratch = await station.outlet.take(chunksTogether, of: station.settings.chunkSize.bytes)
        return .identified(await station.offers.identify(offer, spans, scratch: scratch))
    }
}

extension Station {
    /// Reads a kept chunk for another rank, which hashes it when it arrives.
    fileprivate func read(
        _ chunk: Int, of content: ContentID, into memory: UnsafeMutableRawBufferPointer
    ) -> PieceState {
        guard let store, let count = try? store.read(chunk, of: content, into: memory), count == memory.count else {
            return .missing
        }
        return .sent
    }
}
