// The link between workstations: ZeroMQ over TCP. Every rank listens on a control and a bulk socket and connects to
// those of others; replies and bytes return on the requester's connection. Requests and heartbeats therefore never
// queue behind bulk data.
//
// Keys decide who may connect (`ZAPAuthenticator`). Without encryption of bulk data, the bulk socket admits only names
// announced on the control socket, and bytes are sent to nobody else.

import CZMQ
import DaftLink
import DaftModel
import DaftPlan
import DaftWire
import Glibc

public final class ZMQLink: MembershipLink, @unchecked Sendable {
    /// A rank's configuration.
    public struct Part: Sendable {
        public var rank: Rank
        public var keys: SystemKeys
        public var encrypts = true
        /// Control port; 0: any.
        public var port: UInt16 = 0
        /// Ports for the bulk socket, and for control if `port` is 0; nil: any.
        public var ports: PortRange?
        /// The address of rank 0; nil on rank 0 itself.
        public var metadataServer: (address: String, port: UInt16)?
        public var patience = FailureDetector.Patience()
        public var beatMilliseconds = 1_000

        public init(rank: Rank, keys: SystemKeys) {
            self.rank = rank
            self.keys = keys
        }

        fileprivate func reason(notToListen error: ZMQError) -> String {
            guard let ports, port == 0, error.code == EADDRINUSE else { return "port \(port): \(error.reason)" }
            return
                "of the ports \(ports) too few are free on this node, which needs two: give a wider range with --ports"
        }
    }

    static let longestTalkBytes = 64 << 20
    /// The bulk socket receives only libzmq's greeting and our empty message.
    static let longestGreetingBytes = 1_024
    private static let messagesAtOnce = 64
    /// Larger pieces cost fewer wakeups, but each rank of a chain waits for a whole piece before relaying it.
    private static let pieceBytes = 240 << 10

    public let rank: Rank
    public let loop: any Loop
    public let talkPort: UInt16
    public let bulkPort: UInt16

    let part: Part
    let incarnation = RankAddress.newIncarnation()
    let context: Context
    private let authenticator: ZAPAuthenticator
    let talk: Socket
    let bulk: Socket
    public let membership: Membership
    let changed: Condition
    public let rpc: RPC
    var peers: [Rank: Peer] = [:]
    var book = AddressBook()
    var detector: FailureDetector
    var onOrphaned: (afterMilliseconds: UInt64, body: @Sendable () -> Void)?

    public init(_ part: Part, on loop: ZMQLoop) throws(Failure) {
        self.part = part
        self.loop = loop
        rank = part.rank
        detector = FailureDetector(part.patience)
        membership = Membership([part.rank], on: loop)
        changed = Condition(on: loop)
        do throws(ZMQError) {
            context = try Context()
            authenticator = try ZAPAuthenticator(part.keys, in: context)
            talk = try Socket(
                .router, in: context, lingerMilliseconds: 500, lock: .server(part.keys),
                longestMessageBytes: ZMQLink.longestTalkBytes)
            try talk.allowHandover()
            talkPort = try talk.listen(port: part.port, of: part.ports)
            bulk = try Socket(
                .router, in: context, lingerMilliseconds: 0, lock: part.encrypts ? .server(part.keys) : .plainServer,
                longestMessageBytes: ZMQLink.longestGreetingBytes)
            bulkPort = try bulk.listen(port: 0, of: part.ports)
        } catch {
            throw Failure(error.code == EADDRINUSE ? .locked : .failed, [], part.reason(notToListen: error))
        }
        rpc = RPC(of: rank, on: loop)
        rpc.carry(by: self)
        loop.poll = { [unowned self] in poll() }
        loop.sockets = { [unowned self] in sockets }
        loop.start { [self] in begin() }
    }

    /// Closes all sockets; pending messages have half a second. Call it after the loop has ended.
    public func disconnect() {
        for socket in sockets { socket.close() }
        peers = [:]
    }

    // MARK: on the loop

    private var sockets: [Socket] {
        [authenticator.socket, talk, bulk] + peers.values.flatMap { [$0.talk, $0.bulk].compactMap(\.self) }
    }

    /// A broken socket counts as silent: the failure detector notices it.
    private func poll() -> Bool {
        loop.checkIsolated()
        var isBusy = false
        for _ in 0..<ZMQLink.messagesAtOnce {
            guard (try? authenticator.answer(isExpected)) ?? false else { break }
            isBusy = true
        }
        authenticator.review(isExpected)
        for _ in 0..<ZMQLink.messagesAtOnce {
            guard let came = try? talk.receiveWithAddress() else { break }
            isBusy = true
            if let came { receive(came.bytes, from: came.name, at: came.address) }
        }
        for _ in 0..<ZMQLink.messagesAtOnce {
            guard let parts = try? bulk.receive() else { break }
            isBusy = true
            if let name = parts.first { flush(to: name) }
        }
        for rank in peers.keys where poll(rank: rank) { isBusy = true }
        return isBusy
    }

    /// Whether a rank has announced a bulk connection with this name.
    private func isExpected(_ token: [UInt8]) -> Bool { peers.values.contains { $0.token == token } }

    /// Reads from connections to a peer; true if anything arrived. A broken socket counts as silent.
    private func poll(rank: Rank) -> Bool {
        var isBusy = false
        if let socket = peers[rank]?.talk {
            for _ in 0..<ZMQLink.messagesAtOnce {
                guard let parts = try? socket.receive() else { break }
                isBusy = true
                if parts.count == 1, let envelope = Envelope(ifDecodable: parts[0]) { take(envelope, from: rank) }
            }
        }
        if let socket = peers[rank]?.bulk {
            for _ in 0..<ZMQLink.messagesAtOnce {
                let came = try? socket.receivePiece { [rpc] question, bytes in
                    rpc.destination(of: bytes, as: question, from: rank)
                }
                guard let came else { break }
                isBusy = true
                noteLife(of: rank)
                if let piece = came { rpc.arrived(piece.bytes, as: piece.question) }
            }
        }
        return isBusy
    }

    /// Handles a message at this rank's own control socket.
    private func receive(_ bytes: [UInt8], from name: [UInt8], at address: String) {
        guard let caller = Caller(name), caller.target == rank, caller.rank != rank,
            let envelope = Envelope(ifDecodable: bytes)
        else { return }
        if let incarnation = peers[caller.rank]?.incarnation, incarnation > caller.incarnation { return }
        peers[caller.rank, default: Peer()].caller = name
        peers[caller.rank]?.incarnation = caller.incarnation
        peers[caller.rank]?.seenAt = address
        take(envelope, from: caller.rank)
    }

    private func take(_ envelope: Envelope, from rank: Rank) {
        noteLife(of: rank)
        switch envelope.kind {
        case .carriers: if let message = MembershipMessage(ifDecodable: envelope.payload) { take(message, from: rank) }
        default: rpc.take(envelope, from: rank)
        }
    }
}

// MARK: carrier

extension ZMQLink {
    public func post(_ envelope: Envelope, to target: Rank) {
        loop.checkIsolated()
        if target == rank {
            loop.start { [self] in rpc.take(envelope, from: rank) }
            return
        }
        // A message that cannot be sent counts as lost: its request times out.
        switch envelope.kind {
        case .answer, .loaded:
            if let name = peers[target]?.caller { try? talk.send([name, envelope.encoded]) }
        case .load:
            // Sent every time, since the other side may have forgotten it.
            guard let token = bulkToken(for: target) else { break }
            send(.bulk(token: token), to: target)
            try? talkSocket(to: target)?.send([envelope.encoded])
        case .call, .end, .carriers: try? talkSocket(to: target)?.send([envelope.encoded])
        }
    }

    public func longestPiece(to rank: Rank) -> Int { ZMQLink.pieceBytes }

    public func send(
        _ bytes: Range<Int>, of outgoingSlab: OutgoingSlab, as question: UInt64, at offset: Int, to target: Rank
    ) {
        loop.checkIsolated()
        let piece = BulkPiece(question: question, offset: offset, outgoingSlab: outgoingSlab, bytes: bytes)
        if target == rank {
            loop.start { [self] in deliverLocally(piece) }
        } else {
            peers[target]?.held.append(piece)
            flush(to: target)
        }
    }

    public func expect(_ pieces: [Range<Int>], of question: UInt64, in slab: Slab, from rank: Rank) {}

    public var canAbandon: Bool { true }

    private func deliverLocally(_ piece: BulkPiece) {
        let range = piece.offset..<piece.offset + piece.bytes.count
        guard let memory = rpc.destination(of: range, as: piece.question, from: rank) else { return }
        memory.copy(from: piece.outgoingSlab.slab.slice(piece.bytes.lowerBound, piece.bytes.count))
        rpc.arrived(range, as: piece.question)
    }

    private func flush(to name: [UInt8]) {
        if let rank = peers.first(where: { $0.value.token == name })?.key { flush(to: rank) }
    }

    /// Defers pieces while their receiver is still connecting. Drops them once the receiver must have given up, so that
    /// they do not hold slabs.
    func flush(to target: Rank) {
        guard let peer = peers[target], !peer.held.isEmpty else { return }
        let sent = peer.token.map { token in peer.held.prefix { bulk.send($0, to: token) }.count } ?? 0
        peers[target]?.held.removeFirst(sent)
        let since = sent > 0 ? milliseconds : peer.stuckSince ?? milliseconds
        peers[target]?.stuckSince = since
        if milliseconds - since >= part.patience.goneAfterMilliseconds { peers[target]?.held = [] }
    }
}
