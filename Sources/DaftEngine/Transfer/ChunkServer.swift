// Answers requests for bytes: chunks in the store, offered files and, for the next rank of a chain, chunks still
// arriving.

import DaftLink
import DaftModel
import DaftStore
import DaftWire

struct ChunkServer: Sendable {
    /// Longest wait before an answer; the requester then asks again.
    private static let patienceMilliseconds = 1_000

    let station: Station
    let run: ChunkRun

    func supply() async -> Supply {
        guard run.byteCount <= station.outlet.totalBytes / 2 else { return none }
        if run.waits, let relayed = await arriving() { return relayed }
        let slabs = await station.outlet.take(run.compression > 0 ? 2 : 1, of: run.byteCount)
        return await station.workers.run {
            let states = zip(run.pieces, run.offsets).map { piece, offset in
                slabs[0].slice(offset, piece.length).withMutableBytes { read(piece, into: $0) }
            }
            if !states.contains(.sent) { return Supply(slab: nil, states: states) }
            if run.compression == 0 { return Supply(slab: slabs[0], states: states) }
            return Compression.pack(run, states, from: slabs[0], into: slabs[1])
        }
    }

    private var none: Supply { Supply(slab: nil, states: run.pieces.map { _ in .missing }) }

    // MARK: arriving chunks

    /// Waits until the whole run is arriving in one slab and relays it from there; nil if it is stored here or will not
    /// arrive.
    private func arriving() async -> Supply? {
        let deadline = station.loop.deadline(inMilliseconds: ChunkServer.patienceMilliseconds)
        var open = Array(run.pieces.indices)
        var isFirstLook = true
        while true {
            // Read the edition first: workers report from their threads.
            let edition = station.relay.changed.edition
            if let found = station.relay.incomingSlab(of: run) {
                return Supply(relaying: found.incomingSlab, from: found.offset, found.states)
            }
            open = await stillOpen(open, asksStore: isFirstLook)
            isFirstLook = false
            if open.isEmpty || !station.relay.isBusy { return nil }
            guard await station.relay.changed.wait(until: deadline, after: edition) else { return nil }
        }
    }

    /// Pieces that are neither stored nor known to fail.
    private func stillOpen(_ open: [Int], asksStore: Bool) async -> [Int] {
        var unknown: [Int] = []
        let rest = open.filter { index in
            switch station.relay.location(of: run.pieces[index]) {
            case .written, .kept, .failed: return false
            case .incomingSlab: return true
            case nil:
                unknown.append(index)
                return true
            }
        }
        guard asksStore, !unknown.isEmpty, let store = station.store else { return rest }
        let asked = unknown
        let here = await station.workers.run { Set(asked.filter { store.has(run.pieces[$0]) }) }
        return rest.filter { !here.contains($0) }
    }

    // MARK: stored chunks

    func read(_ piece: Piece, into memory: UnsafeMutableRawBufferPointer) -> PieceState {
        switch piece.origin {
        case .offered(let offer, let file):
            return station.offers.read(offer, file, chunk: piece.chunk, into: memory)
        case .kept(let content): return state { try station.store?.read(piece.chunk, of: content, into: memory) }
        case .identified(let id):
            if case .written(let written) = station.relay.location(of: piece), let partialFile = written.partialFile {
                return state { try partialFile.read(written.chunk, into: memory) }
            }
            return state {
                guard let location = try station.store?.chunkLocation(of: id) else { return nil }
                return try station.store?.read(location.chunk, of: location.content, into: memory)
            }
        }

        /// Bytes are not verified here; the receiver does that. It loads what cannot be read here from another store.
        func state(_ read: () throws -> Int?) -> PieceState {
            guard let count = try? read(), count == memory.count else { return .missing }
            return .sent
        }
    }
}

extension Store {
    fileprivate func has(_ piece: Piece) -> Bool {
        switch piece.origin {
        // An unreadable chunk counts as missing: the receiver asks another store.
        case .kept(let content): (try? extent(of: content).contains(piece.chunk)) ?? false
        case .identified(let id): (try? chunkLocation(of: id)) ?? nil != nil
        case .offered: true
        }
    }
}
