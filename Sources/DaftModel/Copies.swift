// The number of wanted copies of a content; one by default.

public enum Copies: Hashable, Comparable, Sendable {
    case atLeast(Int)
    /// On every data server, including future ones.
    case everywhere

    public static let one = Copies.atLeast(1)
    public static let most = 255

    /// The number of copies, given the number of data servers.
    public func among(_ servers: Int) -> Int {
        switch self {
        case .atLeast(let count): min(count, servers)
        case .everywhere: servers
        }
    }

    /// Ordered by the number of copies; `everywhere` is the largest.
    public var number: Int {
        switch self {
        case .atLeast(let count): count
        case .everywhere: Copies.most + 1
        }
    }

    public init?(number: Int) {
        switch number {
        case 1...Copies.most: self = .atLeast(number)
        case Copies.most + 1: self = .everywhere
        default: return nil
        }
    }

    public static func < (x: Copies, y: Copies) -> Bool { x.number < y.number }
}

extension Copies: Coded {
    public static let minimumSize = 2

    public init(from reader: inout ByteReader) throws(Malformed) {
        guard let copies = Copies(number: Int(try reader.u16())) else {
            throw Malformed("number of copies", at: reader.offset - 2)
        }
        self = copies
    }

    public func encode(into writer: inout ByteWriter) { writer.u16(UInt16(number)) }
}

/// Requests a number of copies of contents. Directories and symlinks are included by name only if wanted everywhere.
public struct CopiesRequest: Coded {
    public static let minimumSize = 8 + Copies.minimumSize
    public let contents: [ContentID]
    public let names: [Name]
    public let copies: Copies

    public init(_ contents: [ContentID], names: [Name] = [], _ copies: Copies) {
        self.contents = contents
        self.names = names
        self.copies = copies
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        contents = try reader.list()
        names = try reader.list()
        copies = try Copies(from: &reader)
    }

    public func encode(into writer: inout ByteWriter) {
        writer.list(contents)
        writer.list(names)
        copies.encode(into: &writer)
    }
}
