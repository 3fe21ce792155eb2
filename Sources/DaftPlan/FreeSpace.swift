// Checks whether data servers have room for incoming bytes, so that a transfer can be refused before it begins.

import DaftModel
import DaftWire

public struct FreeSpace: Sendable {
    public struct Server: Sendable {
        public let store: Int
        public let host: String
        public let path: [UInt8]
        public let space: Space

        public init(store: Int, host: String, path: [UInt8], space: Space) {
            (self.store, self.host, self.path, self.space) = (store, host, path, space)
        }
    }

    public let servers: [Server]
    private let sharing: [Int64]
    private let isWhole: Bool

    /// Stores on one node with disks of equal size are assumed to share a disk. `others`: data servers that did not
    /// report their space.
    public init(_ servers: [Server], others: Int = 0) {
        self.servers = servers
        isWhole = others == 0
        sharing = servers.map { server in
            Int64(servers.count { $0.host == server.host && $0.space.total == server.space.total })
        }
    }

    /// Keeps a reserve of one percent of the disk, at most a gigabyte. Unfinished data counts as free, since it is
    /// counted with the incoming bytes.
    public func bytes(at index: Int) -> Int64 {
        let space = servers[index].space
        return max(0, space.free / sharing[index] + space.unfinished - FreeSpace.reserve(of: space))
    }

    public static func reserve(of space: Space) -> Int64 { min(space.total / 100, 1 << 30) }

    /// The smallest free space of any of them.
    public var least: Int64 { servers.indices.map(bytes).min() ?? .max }

    /// A refusal for each data server without room; unless `needsAll`, none while any data server has room.
    public func refusals(needsAll: Bool = true, of coming: (_ store: Int) -> Int64) -> [Failure] {
        let refusals = servers.indices.compactMap { index in
            let bytes = coming(servers[index].store)
            return bytes > self.bytes(at: index) ? refusal(at: index, of: bytes, "comes") : nil
        }
        return needsAll || isWhole && refusals.count == servers.count ? refusals : []
    }

    /// For bytes spread over all: a refusal for each if the total does not fit; none if some servers are unknown.
    public func refusals(ofSpread bytes: Int64) -> [Failure] {
        guard isWhole else { return [] }
        let room = servers.indices.reduce(Int64(0)) { $0 + self.bytes(at: $1) }
        return bytes <= room ? [] : servers.indices.map { refusal(at: $0, of: bytes, "comes to all nodes together") }
    }

    private func refusal(at index: Int, of bytes: Int64, _ comes: String) -> Failure {
        let server = servers[index]
        let (room, reserve) = (shown(size: self.bytes(at: index)), shown(size: FreeSpace.reserve(of: server.space)))
        return Failure(
            .noSpace, server.path, node: server.host,
            "no room: \(shown(size: bytes)) \(comes) at least, and there is room for \(room) "
                + "(\(shown(size: server.space.free)) free, \(reserve) kept in reserve)")
    }
}
