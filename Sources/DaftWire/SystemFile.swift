// The description of a workstation system that `daft start` writes beside the catalogue, readable only by its owner:
// for restarting the metadata server with the same keys and for joining hosts.

import DaftModel

public struct SystemFile: Coded {
    public static let minimumSize = 1 + NodeOrder.minimumSize + 5
    public static let version: UInt8 = 1

    /// The metadata server's configuration, with its actual port.
    public var order: NodeOrder
    /// The metadata server's host, if not this one.
    public var metadataServer: Host?
    public private(set) var members: [SystemMember] = []

    public init(_ order: NodeOrder, metadataServer: Host?) {
        self.order = order
        self.metadataServer = metadataServer
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        guard try reader.u8() == SystemFile.version else {
            throw Malformed("version of a system's file", at: reader.offset - 1)
        }
        order = try NodeOrder(from: &reader)
        metadataServer = try reader.flag() ? try Host(from: &reader) : nil
        let start = reader.offset
        members = try reader.list()
        guard Set(members.map(\.rank)).union([.metadataServer]).count == members.count + 1 else {
            throw Malformed("a rank for each host", at: start)
        }
    }

    public func encode(into writer: inout ByteWriter) {
        writer.u8(SystemFile.version)
        order.encode(into: &writer)
        writer.flag(metadataServer != nil)
        metadataServer?.encode(into: &writer)
        writer.list(members)
    }

    /// The data server of `host`: with its previous rank, else the next free one.
    public mutating func member(for host: Host) -> SystemMember {
        if let known = members.first(where: { $0.host.isSame(as: host) }) { return known }
        let last = members.map(\.rank).max() ?? .metadataServer
        let indexOnHost = members.count { $0.host.isSameName(as: host) }
        let new = SystemMember(rank: Rank(last.number + 1), host: host, indexOnHost: UInt16(clamping: indexOnHost))
        members.append(new)
        return new
    }

    /// The configuration of a data server.
    public func order(for member: SystemMember, metadataServer addresses: [String]) -> NodeOrder {
        var order = order
        (order.rank, order.host, order.indexOnHost) = (member.rank, member.host.name, member.indexOnHost)
        order.metadataServer = addresses
        (order.catalogue, order.expected, order.rebuilds) = ([], 0, false)
        return order
    }
}

/// A data server of a system.
public struct SystemMember: Coded {
    public static let minimumSize = Rank.minimumSize + Host.minimumSize + 2

    public let rank: Rank
    public let host: Host
    /// Its index among data servers on hosts of that name, from 0.
    public let indexOnHost: UInt16

    public init(rank: Rank, host: Host, indexOnHost: UInt16) {
        (self.rank, self.host, self.indexOnHost) = (rank, host, indexOnHost)
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        rank = try Rank(from: &reader)
        host = try Host(from: &reader)
        indexOnHost = try reader.u16()
    }

    public func encode(into writer: inout ByteWriter) {
        rank.encode(into: &writer)
        host.encode(into: &writer)
        writer.u16(indexOnHost)
    }
}
