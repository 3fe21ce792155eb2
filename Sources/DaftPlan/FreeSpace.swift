// Whether what comes to some data servers has room there. Known before the bytes move, it is refused before they do.

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

    /// Stores on one node whose disks are of one size are taken to be on one disk. Of all data servers, or there are
    /// `others`, who did not say what room they have.
    public init(_ servers: [Server], others: Int = 0) {
        self.servers = servers
        isWhole = others == 0
        sharing = servers.map { server in
            Int64(servers.count { $0.host == server.host && $0.space.total == server.space.total })
        }
    }

    /// A hundredth of a disk, at most a gigabyte, is left to others. What lies there unfinished is counted with what
    /// comes, so it counts as free.
    public func bytes(at index: Int) -> Int64 {
        let space = servers[index].space
        return max(0, space.free / sharing[index] + space.unfinished - FreeSpace.reserve(of: space))
    }

    public static func reserve(of space: Space) -> Int64 { min(space.total / 100, 1 << 30) }

    /// The least that any of them has room for.
    public var least: Int64 { servers.indices.map(bytes).min() ?? .max }

    /// One for each data server that has no room for what comes to it; where not all need it, none as long as any
    /// data server has room.
    public func refusals(needsAll: Bool = true, of coming: (_ store: Int) -> Int64) -> [Failure] {
        let refusals = servers.indices.compactMap { index in
            let bytes = coming(servers[index].store)
            return bytes > self.bytes(at: index) ? refusal(at: index, of: bytes, "comes") : nil
        }
        return needsAll || isWhole && refusals.count == servers.count ? refusals : []
    }

    /// Where it is spread over all of them: one for each, if they have no room for it together; none where others
    /// may have it.
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
