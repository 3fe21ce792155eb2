// The link inside one process. What ranks say is the RPC of the real links, in its binary form, so that whatever works
// here has been coded and decoded; only how messages and bytes get over is memory's own.

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

    /// Known at once: the network has no silence to tell death by.
    public var ranks: [Rank] { network.alive(seenBy: rank) }

    public func onChange(_ body: @escaping @Sendable (Rank, Presence) -> Void) { observer.withLock { $0 = body } }

    public func close() {
        observer.withLock { $0 = nil }
        rpc.close()
    }

    /// What was asked of a rank that is gone fails before anybody hears of it.
    func tell(_ other: Rank, _ presence: Presence) {
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
            if let envelope = try? Envelope(decoding: bytes) { link.rpc.take(envelope, from: rank) }
        }
    }

    /// Nobody gains from small pieces where nothing is sent.
    public func longestPiece(to rank: Rank) -> Int { .max / 2 }

    public func send(
        _ bytes: Range<Int>, of outgoingSlab: OutgoingSlab, as question: UInt64, at offset: Int, to target: Rank
    ) {
        network.send(from: rank, to: target) { [rank] link in
            let landed = offset..<offset + bytes.count
            guard let room = link.rpc.place(of: landed, as: question, from: rank) else { return }
            room.copy(from: outgoingSlab.slab.slice(bytes.lowerBound, bytes.count))
            link.rpc.arrived(landed, as: question)
        }
    }

    /// They come with what is sent.
    public func expect(_ pieces: [Range<Int>], of question: UInt64, in slab: Slab, from rank: Rank) {}

    public var canAbandon: Bool { true }
}
