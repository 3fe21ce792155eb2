// One rank as another sees it: the ways to it, and the name under which it comes here.

import CZMQ
import DaftLink
import DaftModel
import DaftWire
import Glibc

struct Peer {
    /// The latest process under that rank that was heard of.
    var incarnation: UInt64 = 0
    /// The name under which it is connected at this rank's door for talk.
    var caller: [UInt8]?
    /// Where it seems to be, by that connection.
    var seenAt = ""
    /// The ways to its doors, made when they are wanted.
    var talk: Socket?
    var bulk: Socket?
    /// The name of this rank at its door for bytes.
    var bulkName: [UInt8] = []
    /// The name under which it waits for bytes at this rank's door, and what it is to get.
    var token: [UInt8]?
    var held: [BulkPiece] = []
    /// Since when, in milliseconds, nothing of that could be sent.
    var stuckSince: UInt64?

    /// Forgets all ways to it, and what has not left by them: whoever said it has been told that it failed, so whoever
    /// comes in its place is not to hear of it.
    mutating func disconnect() {
        talk?.drop()
        talk = nil
        disconnectBulk()
    }

    mutating func disconnectBulk() {
        bulk = nil  // what has not left by this one never has time to
        expect(nil)
    }

    /// What it is to get goes to another name now. What was meant for the one before is not waited for any more.
    mutating func expect(_ name: [UInt8]?) { (token, held, stuckSince) = (name, [], nil) }
}

/// What a rank calls itself at another's door: who it is, and whom it wants to see.
struct Caller {
    private static let mark: UInt8 = 1
    let rank: Rank
    let target: Rank
    let incarnation: UInt64

    init(_ rank: Rank, to target: Rank, _ incarnation: UInt64) {
        (self.rank, self.target, self.incarnation) = (rank, target, incarnation)
    }

    init?(_ name: [UInt8]) {
        var reader = ByteReader(name)
        guard let mark = try? reader.u8(), mark == Caller.mark, let rank = try? Rank(from: &reader),
            let target = try? Rank(from: &reader), let incarnation = try? reader.u64(), reader.remaining == 0
        else { return nil }
        self.init(rank, to: target, incarnation)
    }

    var name: [UInt8] {
        var writer = ByteWriter()
        writer.u8(Caller.mark)
        rank.encode(into: &writer)
        target.encode(into: &writer)
        writer.u64(incarnation)
        return writer.bytes
    }
}

extension RankAddress {
    /// Larger than that of any process that was started before.
    static func newIncarnation() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

extension ZMQLink {
    /// The way to a rank's door for talk; nil where nobody knows where it is.
    func talkSocket(to target: Rank) -> Socket? {
        if let socket = peers[target]?.talk { return socket }
        guard let (address, port) = talkAddress(of: target) else { return nil }
        let socket = try? Socket(
            .dealer, in: context, lingerMilliseconds: 500, lock: .client(part.keys),
            longestMessageBytes: ZMQLink.longestTalkBytes)
        guard let socket else { return nil }
        try? socket.name(Caller(rank, to: target, incarnation).name)
        try? socket.connect(to: address, port: port)
        peers[target, default: Peer()].talk = socket
        return socket
    }

    /// The name under which this rank is, or will be in a moment, at a rank's door for bytes.
    func bulkToken(for target: Rank) -> [UInt8]? {
        if let peer = peers[target], let bulk = peer.bulk, !bulk.isRefused { return peer.bulkName }
        guard let entry = book[target], let address = talkAddress(of: target)?.address else { return nil }
        let name = [1] + (0..<16).map { _ in UInt8.random(in: 0...255) }
        let socket = try? Socket(
            .dealer, in: context, lingerMilliseconds: 0,
            lock: part.encrypts ? .client(part.keys) : .plainClient(token: name))
        guard let socket else { return nil }
        try? socket.name(name)
        try? socket.connect(to: address, port: entry.bulkPort)
        // Heard there when this rank has come in.
        try? socket.send([[]])
        peers[target, default: Peer()].bulk = socket
        peers[target]?.bulkName = name
        return name
    }

    private func talkAddress(of target: Rank) -> (address: String, port: UInt16)? {
        let here = part.metadataServer?.address ?? "127.0.0.1"
        if target == .metadataServer { return part.metadataServer }
        return book[target].map { ($0.address.isEmpty ? here : $0.address, $0.talkPort) }
    }
}
