// The link inside one process. It uses the RPC of the real links with encoded messages; only the transport is memory.

import DaftModel
import DaftWire
import Synchronization

public final class MemoryLink: RPCLink {
    public let rank: Rank
    public let loop: any Loop
    public let rpc: RPC
    private let network: MemoryNetwork
    private let observer = Mutex<(@Sendable (Rank, Presence) -> Void)?>(nil)

    init(_ rank: Rank, on loop: any Loop, in network: MemoryNetwork) {
        self.rank = rank
        self.loop = loop
        self.network = network
        rpc = RPC(of: rank, on: loop)
        rpc.carry(by: self)
    }

    /// Exact: the network knows which ranks are alive.
    public var ranks: [Rank] { network.alive(seenBy: rank) }

    public func onChange(_ body: @escaping @Sendable (Rank, Presence) -> Void) { observer.withLock { $0 = body } }

    public func close() {
        observer.withLock { $0 = nil }
        rpc.close()
    }

    /// Fails requests to a gone rank before observers hear of it.
    func notify(_ other: Rank, _ presence: Presence) {
        loop.start { [self] in
            if presence == .gone { rpc.lose(other) }
            observer.withLock { $0 }?(other, presence)
        }
    }
}

extension MemoryLink: Carrier {
    public func post(_ envelope: Envelope, to target: Rank) {
        let bytes = envelope.encoded
        network.send(from: rank, to: target) { [rank] link in
            if let envelope = Envelope(ifDecodable: bytes) { link.rpc.take(envelope, from: rank) }
        }
    }

    /// Splitting has no benefit without a network.
    public func longestPiece(to rank: Rank) -> Int { .max / 2 }

    public func send(
        _ bytes: Range<Int>, of outgoingSlab: OutgoingSlab, as question: UInt64, at offset: Int, to target: Rank
    ) {
        network.send(from: rank, to: target) { [rank] link in
            let landed = offset..<offset + bytes.count
            guard let room = link.rpc.destination(of: landed, as: question, from: rank) else { return }
            room.copy(from: outgoingSlab.slab.slice(bytes.lowerBound, bytes.count))
            link.rpc.arrived(landed, as: question)
        }
    }

    /// Bytes arrive with the send.
    public func expect(_ pieces: [Range<Int>], of question: UInt64, in slab: Slab, from rank: Rank) {}

    public var canAbandon: Bool { true }
}
