// The configuration that a workstation's node process reads from standard input, and its report.

import DaftModel

public struct NodeOrder: Coded {
    public static let minimumSize = 1 + Rank.minimumSize + SystemKeys.minimumSize + 48
    public static let version: UInt8 = 4

    public var rank: Rank
    public var system: SystemKeys
    /// Display name of this node.
    public var host: String
    /// Addresses of the metadata server, most likely first; empty for the metadata server.
    public var metadataServer: [String] = []
    /// The metadata server's port; for itself the wanted one, 0: any.
    public var port: UInt16 = 0
    /// The ports that the node may listen on; nil: any.
    public var ports: PortRange?
    /// Store directory; empty: the node's default.
    public var store: [UInt8] = []
    /// Index of this data server on its node, from 0.
    public var indexOnHost: UInt16 = 0
    /// The metadata server's catalogue directory; empty: the default.
    public var catalogue: [UInt8] = []
    /// Name of the group that shares both, whose number may differ between nodes; empty: none.
    public var group: [UInt8] = []
    public var chunkSize = ChunkSize.standard
    /// zstd level for transfers; 0: no compression.
    public var compression: UInt8 = 0
    public var durable = true
    public var encrypts = true
    /// A data server ends after this long without a metadata server.
    public var orphanSeconds: UInt32 = 24 * 3600
    /// Copies of an absent data server are re-created after so long.
    public var repairAfterSeconds: UInt32 = 600
    /// Default number of copies for put and diffuse.
    public var copies: UInt8 = 1
    /// Data servers that the metadata server waits for at the start.
    public var expected: UInt16 = 0
    /// Whether the metadata server rebuilds its catalogue from the stores.
    public var rebuilds = false
    public var logLevel = LogLevel.info

    public init(rank: Rank, system: SystemKeys, host: String) {
        self.rank = rank
        self.system = system
        self.host = host
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        guard try reader.u8() == NodeOrder.version else {
            throw Malformed("version of a node's order", at: reader.offset - 1)
        }
        rank = try Rank(from: &reader)
        system = try SystemKeys(from: &reader)
        host = try reader.text()
        metadataServer = try reader.addresses()
        port = try reader.u16()
        ports = try NodeOrder.ports(&reader)
        store = try NodeOrder.directory(&reader)
        indexOnHost = try reader.u16()
        catalogue = try NodeOrder.directory(&reader)
        group = try reader.run()
        guard !group.contains(0) else { throw Malformed("name of a group", at: reader.offset) }
        chunkSize = try ChunkSize(from: &reader)
        compression = try reader.u8()
        guard compression <= 19 else { throw Malformed("level of packing", at: reader.offset - 1) }
        durable = try reader.flag()
        encrypts = try reader.flag()
        orphanSeconds = try reader.u32()
        repairAfterSeconds = try reader.u32()
        copies = try reader.u8()
        guard copies > 0 else { throw Malformed("number of copies", at: reader.offset - 1) }
        expected = try reader.u16()
        rebuilds = try reader.flag()
        let level = Int(try reader.u8())
        guard level < LogLevel.allCases.count else { throw Malformed("level of the log", at: reader.offset - 1) }
        logLevel = LogLevel.allCases[level]
    }

    public func encode(into writer: inout ByteWriter) {
        writer.u8(NodeOrder.version)
        rank.encode(into: &writer)
        system.encode(into: &writer)
        writer.text(host)
        writer.addresses(metadataServer)
        writer.u16(port)
        writer.u16(ports?.ports.lowerBound ?? 0)
        writer.u16(ports?.ports.upperBound ?? 0)
        writer.run(store)
        writer.u16(indexOnHost)
        writer.run(catalogue)
        writer.run(group)
        chunkSize.encode(into: &writer)
        writer.u8(compression)
        writer.flag(durable)
        writer.flag(encrypts)
        writer.u32(orphanSeconds)
        writer.u32(repairAfterSeconds)
        writer.u8(copies)
        writer.u16(expected)
        writer.flag(rebuilds)
        writer.u8(UInt8(logLevel.order))
    }

    /// Two zeros mean nil.
    private static func ports(_ reader: inout ByteReader) throws(Malformed) -> PortRange? {
        let start = reader.offset
        let (first, last) = (try reader.u16(), try reader.u16())
        if first == 0, last == 0 { return nil }
        guard let ports = PortRange(first, last) else { throw Malformed("a range of ports", at: start) }
        return ports
    }

    /// An absolute path, since it is used on another node; or empty.
    private static func directory(_ reader: inout ByteReader) throws(Malformed) -> [UInt8] {
        let start = reader.offset
        let path = try reader.run()
        guard path.first ?? Name.slash == Name.slash, !path.contains(0) else {
            throw Malformed("an absolute path", at: start)
        }
        return path
    }
}

/// What a node process reports when it has started.
public struct NodeReport: Coded {
    public static let minimumSize = 20
    public static let version: UInt8 = 1

    public var pid: UInt32
    /// The port for other ranks; 0 if irrelevant.
    public var port: UInt16 = 0
    /// A node of this system was running already; nothing was started.
    public var isResumed = false
    public var store: [UInt8]
    /// Of the metadata server: addresses at which others may reach this node.
    public var addresses: [String] = []
    public var warnings: [Failure] = []

    public init(pid: UInt32, store: [UInt8]) {
        self.pid = pid
        self.store = store
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        guard try reader.u8() == NodeReport.version else {
            throw Malformed("version of a node's report", at: reader.offset - 1)
        }
        pid = try reader.u32()
        port = try reader.u16()
        isResumed = try reader.flag()
        store = try reader.run()
        addresses = try reader.addresses()
        warnings = try reader.list()
    }

    public func encode(into writer: inout ByteWriter) {
        writer.u8(NodeReport.version)
        writer.u32(pid)
        writer.u16(port)
        writer.flag(isResumed)
        writer.run(store)
        writer.addresses(addresses)
        writer.list(warnings)
    }
}

extension ByteReader {
    fileprivate mutating func addresses() throws(Malformed) -> [String] {
        let count = try count()
        guard count <= remaining / 4 else { throw malformed("\(count) addresses") }
        var addresses: [String] = []
        for _ in 0..<count { addresses.append(try text()) }
        return addresses
    }
}

extension ByteWriter {
    fileprivate mutating func addresses(_ addresses: [String]) {
        count(addresses.count)
        for address in addresses { text(address) }
    }
}
