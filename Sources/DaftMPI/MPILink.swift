// The link over MPI: point-to-point messages on the loop's thread, which is the main thread.
//
// Small messages are received by matched probes: any size, in the order sent. A load's bytes go in pieces directly from
// the supplier's slab into the requester's; the request table keeps both alive until the last piece is complete. Piece
// sizes are tuned per peer: on TCP, messages above the eager limit wait for a handshake behind queued data, so small
// pieces are faster on slow links and large ones in shared memory.

import CMPI
import DaftLink
import DaftModel
import DaftPlan
import DaftWire

public final class MPILink: MembershipLink, @unchecked Sendable {
    private static let messageTag: Int32 = 1
    private static let firstBulkTag: Int32 = 16
    private static let bulkTags: UInt64 = 1 << 14

    public let rank: Rank
    /// All ranks that the job started with.
    let all: [Rank]
    public let loop: any Loop

    private let communicator: Communicator
    private let pieceBytes: (Int) -> Int
    let requests: RequestTable
    public let rpc: RPC
    private var onEnd: (@Sendable () -> Void)?
    public let membership: Membership
    var detector = FailureDetector()
    /// Records the ranks that rank 0 has given up.
    var book = AddressBook()
    var orphanTimeout: (milliseconds: UInt64, body: @Sendable () -> Void)?
    var answered: Set<Rank> = []

    /// `pieceBytes` gives the piece size for a rank.
    public init(_ communicator: Communicator, on loop: MPILoop, pieceBytes: @escaping @Sendable (Int) -> Int) {
        self.communicator = communicator
        self.pieceBytes = pieceBytes
        rank = Rank(communicator.rank)
        all = (0..<communicator.size).map { Rank($0) }
        membership = Membership(all, on: loop)
        self.loop = loop
        requests = RequestTable(communicator, on: loop)
        rpc = RPC(of: rank, on: loop)
        rpc.carry(by: self)
        loop.poll = { [unowned self] in poll() }
        loop.start { [self] in beat() }
    }

    /// Calls `body` when rank 0 ends the system.
    public func onEnd(_ body: @escaping @Sendable () -> Void) { loop.start { self.onEnd = body } }

    /// Tells all other ranks that the system ends.
    public func endAll() {
        loop.start { [self] in
            for other in all where other != rank { post(Envelope(.end, 0), to: other) }
        }
    }

    /// Whether all sends have completed, except those to ranks that are gone.
    public var isQuiet: Bool { requests.isEmpty(besides: Set(gone.map(\.number))) }

    private func poll() -> Bool {
        let hasCompleted = requests.progress()
        let hasCome = takeMessage()
        return hasCompleted || hasCome
    }

    /// Receives one pending message, if any.
    private func takeMessage() -> Bool {
        var isThere: Int32 = 0
        var matched: MPI_Message?
        var status = MPI_Status()
        let code = MPI_Improbe(
            MPI_ANY_SOURCE, MPILink.messageTag, communicator.handle, &isThere, &matched, &status)
        guard code == MPI_SUCCESS, isThere != 0 else { return false }
        var count: Int32 = 0
        MPI_Get_count(&status, cmpi_byte(), &count)
        let message = Message(count: Int(max(0, count)))
        let source = Rank(Int(status.MPI_SOURCE))
        requests.receive(matched, into: message.memory, owner: message) { [self] error in
            if error != nil { return rpc.lose(source) }
            guard let envelope = Envelope(ifDecodable: message.bytes) else { return }
            take(envelope, from: source)
        }
        return true
    }

    private func take(_ envelope: Envelope, from source: Rank) {
        noteLife(of: source)
        switch envelope.kind {
        case .end: onEnd?()
        case .carriers:
            if let message = MembershipMessage(ifDecodable: envelope.payload) { take(message, from: source) }
        default: rpc.take(envelope, from: source)
        }
    }
}

// MARK: carrier

extension MPILink {
    public func post(_ envelope: Envelope, to target: Rank) {
        let message = Message(envelope.encoded)
        requests.send(
            UnsafeRawBufferPointer(message.memory), owner: message, to: target.number, tag: MPILink.messageTag
        ) {
            [self] error in if error != nil { rpc.lose(target) }
        }
    }

    public func longestPiece(to rank: Rank) -> Int { pieceBytes(rank.number) }

    public func send(
        _ bytes: Range<Int>, of outgoingSlab: OutgoingSlab, as question: UInt64, at offset: Int, to rank: Rank
    ) {
        outgoingSlab.slab.slice(bytes.lowerBound, bytes.count).withBytes { memory in
            requests.send(memory, owner: outgoingSlab, to: rank.number, tag: bulkTag(question)) { [self] error in
                if error != nil { rpc.lose(rank) }
            }
        }
    }

    public func expect(_ pieces: [Range<Int>], of question: UInt64, in slab: Slab, from rank: Rank) {
        for piece in pieces {
            slab.slice(piece.lowerBound, piece.count).withMutableBytes { memory in
                requests.receive(into: memory, owner: slab, from: rank.number, tag: bulkTag(question)) {
                    [self] error in
                    // The bytes did not arrive: fail instead of using them.
                    if error != nil { return rpc.lose(rank) }
                    noteLife(of: rank)
                    rpc.arrived(piece, as: question)
                }
            }
        }
    }

    public var canAbandon: Bool { false }

    /// Concurrent loads use different tags.
    private func bulkTag(_ number: UInt64) -> Int32 { MPILink.firstBulkTag + Int32(number % MPILink.bulkTags) }
}

/// A message's bytes, at a fixed address until MPI is done.
private final class Message {
    let memory: UnsafeMutableRawBufferPointer

    init(count: Int) { memory = .allocate(byteCount: max(1, count), alignment: 16).prefixed(count) }

    convenience init(_ bytes: [UInt8]) {
        self.init(count: bytes.count)
        memory.copyBytes(from: bytes)
    }

    deinit { memory.baseAddress?.deallocate() }

    var bytes: [UInt8] { Array(memory) }
}

extension UnsafeMutableRawBufferPointer {
    fileprivate func prefixed(_ count: Int) -> UnsafeMutableRawBufferPointer { .init(rebasing: self[..<count]) }
}
