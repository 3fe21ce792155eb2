// The only user-visible error: what failed, where and why. It is sent over the wire, and its kind determines the exit
// status. There is a kind only where code reacts to it.

public struct Failure: Error, Coded {
    public enum Kind: UInt8, Sendable, CaseIterable {
        case failed = 1
        case usage = 2
        case noSuchName = 3
        case taken = 4
        case corrupt = 5
        case unreachable = 6
        case noSpace = 7
        case changed = 8
        case denied = 9
        case malformed = 10
        case missing = 11
        case stopped = 12
        case locked = 13
        case unrelated = 14
        /// A store or catalogue was removed while in use.
        case gone = 15

        public var exitStatus: Int32 {
            switch self {
            case .usage: 2
            case .noSuchName: 3
            case .taken: 4
            case .corrupt: 5
            case .unreachable: 6
            case .locked: 7
            default: 1
            }
        }
    }

    public static let minimumSize = 13

    public let kind: Kind
    /// The path or name concerned.
    public let subject: [UInt8]
    /// The node where it happened; empty: this one.
    public let node: String
    /// The reason and possible remedy, as text.
    public let reason: String

    public init(_ kind: Kind, _ subject: some Collection<UInt8>, node: String = "", _ reason: String) {
        self.kind = kind
        self.subject = Array(subject)
        self.node = node
        self.reason = reason
    }

    public init(_ kind: Kind, _ subject: Name, node: String = "", _ reason: String) {
        self.init(kind, subject.bytes, node: node, reason)
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        guard let kind = Kind(rawValue: try reader.u8()) else {
            throw Malformed("kind of failure", at: reader.offset - 1)
        }
        self.kind = kind
        subject = try reader.run()
        node = try reader.text()
        reason = try reader.text()
    }

    public func encode(into writer: inout ByteWriter) {
        writer.u8(kind.rawValue)
        writer.run(subject)
        writer.text(node)
        writer.text(reason)
    }

    public func at(_ node: String) -> Failure {
        self.node.isEmpty ? Failure(kind, subject, node: node, reason) : self
    }

    public var exitStatus: Int32 { kind.exitStatus }
}

extension Failure: CustomStringConvertible {
    /// `n3:/scratch/a.bin: no space left`.
    public var description: String {
        let subjectText = [node, shown(subject)].filter { !$0.isEmpty }.joined(separator: ":")
        return subjectText.isEmpty ? reason : "\(subjectText): \(reason)"
    }
}
