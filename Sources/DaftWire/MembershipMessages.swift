// Membership messages of the links, below requests and replies: heartbeats, and on workstations addresses.

import DaftModel

/// The address of one rank's process.
public struct RankAddress: Coded {
    public static let minimumSize = Rank.minimumSize + 8 + 4 + 2 + 2 + 1

    public let rank: Rank
    /// Differs between processes of the same rank; later ones are larger.
    public let incarnation: UInt64
    /// As seen by the metadata server; empty: the metadata server's own address, however it is reached.
    public let address: String
    public let talkPort: UInt16
    public let bulkPort: UInt16
    public var isHere: Bool

    public init(
        rank: Rank, incarnation: UInt64, address: String, talkPort: UInt16, bulkPort: UInt16, isHere: Bool = true
    ) {
        self.rank = rank
        self.incarnation = incarnation
        self.address = address
        self.talkPort = talkPort
        self.bulkPort = bulkPort
        self.isHere = isHere
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        rank = try Rank(from: &reader)
        incarnation = try reader.u64()
        address = try reader.text()
        talkPort = try reader.u16()
        bulkPort = try reader.u16()
        isHere = try reader.flag()
    }

    public func encode(into writer: inout ByteWriter) {
        rank.encode(into: &writer)
        writer.u64(incarnation)
        writer.text(address)
        writer.u16(talkPort)
        writer.u16(bulkPort)
        writer.flag(isHere)
    }
}

/// The addresses of all ranks, kept by rank 0; every change makes a new edition.
public struct AddressBook: Coded {
    public static let minimumSize = 12

    public var edition: UInt64
    public var entries: [RankAddress]

    public init(edition: UInt64 = 0, _ entries: [RankAddress] = []) {
        self.edition = edition
        self.entries = entries
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        edition = try reader.u64()
        entries = try reader.list()
    }

    public func encode(into writer: inout ByteWriter) {
        writer.u64(edition)
        writer.list(entries)
    }

    public subscript(rank: Rank) -> RankAddress? { entries.first { $0.rank == rank } }

    /// Replaces the entry of that rank.
    public mutating func note(_ entry: RankAddress) {
        edition += 1
        entries.removeAll { $0.rank == entry.rank }
        entries.append(entry)
        entries.sort { $0.rank < $1.rank }
    }
}

public enum MembershipMessage: Coded {
    public static let minimumSize = 2
    public static let version: UInt8 = 1

    /// From a data server that has started or is unknown to rank 0: where it listens.
    case introduce(talkPort: UInt16, bulkPort: UInt16)
    /// A heartbeat request: to rank 0 every second, to others while they owe an answer.
    case heartbeat(edition: UInt64)
    /// The reply; from rank 0 with the edition of its address book.
    case heartbeatReply(edition: UInt64)
    case book(AddressBook)
    /// Rank 0 does not know this process: it must introduce itself.
    case unknownProcess
    /// The name under which the sender connects to receive bulk data.
    case bulk(token: [UInt8])
    /// This process ends in order. Under MPI: from rank 0, and to be answered before all end together.
    case farewell

    public init(from reader: inout ByteReader) throws(Malformed) {
        guard try reader.u8() == MembershipMessage.version else {
            throw Malformed("version of a carrier's word", at: reader.offset - 1)
        }
        switch try reader.u8() {
        case 1: self = .introduce(talkPort: try reader.u16(), bulkPort: try reader.u16())
        case 2: self = .heartbeat(edition: try reader.u64())
        case 3: self = .heartbeatReply(edition: try reader.u64())
        case 4: self = .book(try AddressBook(from: &reader))
        case 5: self = .unknownProcess
        case 6: self = .bulk(token: try reader.run())
        case 7: self = .farewell
        default: throw Malformed("kind of a carrier's word", at: reader.offset - 1)
        }
    }

    public func encode(into writer: inout ByteWriter) {
        writer.u8(MembershipMessage.version)
        switch self {
        case .introduce(let talkPort, let bulkPort):
            writer.u8(1)
            writer.u16(talkPort)
            writer.u16(bulkPort)
        case .heartbeat(let edition):
            writer.u8(2)
            writer.u64(edition)
        case .heartbeatReply(let edition):
            writer.u8(3)
            writer.u64(edition)
        case .book(let book):
            writer.u8(4)
            book.encode(into: &writer)
        case .unknownProcess: writer.u8(5)
        case .bulk(let token):
            writer.u8(6)
            writer.run(token)
        case .farewell: writer.u8(7)
        }
    }
}
