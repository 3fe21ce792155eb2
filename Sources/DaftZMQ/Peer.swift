// One rank as seen by another: its sockets and its identities here.

import CZMQ
import DaftLink
import DaftModel
import DaftWire
import Glibc

struct Peer {
    /// The latest known process at that rank.
    var incarnation: UInt64 = 0
    /// Its routing id at this rank's control socket.
    var caller: [UInt8]?
    /// Its address as seen on that connection.
    var seenAt = ""
    /// Connections to its sockets, made on demand.
    var talk: Socket?
    var bulk: Socket?
    /// This rank's routing id at its bulk socket.
    var bulkName: [UInt8] = []
    /// Its routing id at this rank's bulk socket, and pieces waiting for it.
    var token: [UInt8]?
    var held: [BulkPiece] = []
    /// Since when those pieces could not be sent, in milliseconds.
    var stuckSince: UInt64?

    /// Drops all connections with unsent messages: their senders have been told of the failure, so a successor must not
    /// receive them.
    mutating func disconnect() {
        talk?.drop()
        talk = nil
        disconnectBulk()
    }

    mutating func disconnectBulk() {
        bulk = nil  // what has not left by this one never has time to
        expect(nil)
    }

    /// Routes pieces to another name from now on; drops those meant for the previous one.
    mutating func expect(_ name: [UInt8]?) { (token, held, stuckSince) = (name, [], nil) }
}

/// A rank's routing id at another: its identity and the intended receiver.
struct Caller {
    private static let mark: UInt8 = 1
    let rank: Rank
    let target: Rank
    let incarnation: UInt64

    init(_ rank: Rank, to target: Rank, _ incarnation: UInt64) {
        (self.rank, self.target, self.incarnation) = (rank, target, incarnation)
    }

    /// Nil if the bytes do not name a caller.
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
    /// Larger than that of any earlier process.
    static func newIncarnation() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

extension ZMQLink {
    /// The connection to a rank's control socket; nil if its address is unknown.
    func talkSocket(to target: Rank) -> Socket? {
        if let socket = peers[target]?.talk { return socket }
        guard let (address, port) = talkAddress(of: target) else { return nil }
        let socket = socket(Caller(rank, to: target, incarnation).name, to: address, port) { () throws(ZMQError) in
            try Socket(
                .dealer, in: context, lingerMilliseconds: 500, lock: .client(part.keys),
                longestMessageBytes: ZMQLink.longestTalkBytes)
        }
        guard let socket else { return nil }
        peers[target, default: Peer()].talk = socket
        return socket
    }

    /// This rank's routing id, possibly still connecting, at a rank's bulk socket.
    func bulkToken(for target: Rank) -> [UInt8]? {
        if let peer = peers[target], let bulk = peer.bulk, !bulk.isRefused { return peer.bulkName }
        guard let entry = book[target], let address = talkAddress(of: target)?.address else { return nil }
        let name = [1] + (0..<16).map { _ in UInt8.random(in: 0...255) }
        let socket = socket(name, to: address, entry.bulkPort) { () throws(ZMQError) in
            try Socket(
                .dealer, in: context, lingerMilliseconds: 0,
                lock: part.encrypts ? .client(part.keys) : .plainClient(token: name))
        }
        guard let socket else { return nil }
        // Delivered once the connection has been accepted. If it is lost, bytes follow the other side's next heartbeat.
        try? socket.send([[]])
        peers[target, default: Peer()].bulk = socket
        peers[target]?.bulkName = name
        return name
    }

    /// A socket connected under a name. Nil if that fails: the message is lost, its request times out, and the next one
    /// tries again.
    private func socket(
        _ name: [UInt8], to address: String, _ port: UInt16, _ make: () throws(ZMQError) -> Socket
    ) -> Socket? {
        guard let socket = try? make() else { return nil }
        do throws(ZMQError) {
            try socket.name(name)
            try socket.connect(to: address, port: port)
            return socket
        } catch {
            socket.drop()
            return nil
        }
    }

    private func talkAddress(of target: Rank) -> (address: String, port: UInt16)? {
        let here = part.metadataServer?.address ?? "127.0.0.1"
        if target == .metadataServer { return part.metadataServer }
        return book[target].map { ($0.address.isEmpty ? here : $0.address, $0.talkPort) }
    }
}
