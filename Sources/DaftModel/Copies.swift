// How many copies of a content are wanted. Nothing said: one.

public enum Copies: Hashable, Comparable, Sendable {
    case atLeast(Int)
    /// On every data server there is, and on each that comes.
    case everywhere

    public static let one = Copies.atLeast(1)
    public static let most = 255

    /// Of so many data servers, on how many.
    public func among(_ servers: Int) -> Int {
        switch self {
        case .atLeast(let count): min(count, servers)
        case .everywhere: servers
        }
    }

    /// `everywhere` is more than any number: in this form the larger wish is the larger number.
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

/// So many copies of each of these contents are wanted. Directories and symlinks have none; where everything is wanted
/// everywhere, they are by their names.
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
