// A name: a path in the namespace, `/set/a.bin`. Names are bytes: newlines and invalid UTF-8 are allowed and shown
// escaped. The rules for names are defined only here.

/// Why bytes are no valid name.
public enum NameError: Error, Hashable, Sendable {
    case relative
    case emptyPart
    case dots
    case nul
    case tooLong(Int)
    case partTooLong(Int)
    case reserved

    public var reason: String {
        switch self {
        case .relative: "a name begins with /"
        case .emptyPart: "a name has no empty parts"
        case .dots: "a name has no . or .. in it"
        case .nul: "a name has no zero byte"
        case .tooLong(let length): "a name has at most \(Name.maximumLength) bytes, this has \(length)"
        case .partTooLong(let length): "a part of a name has at most \(Name.maximumPart) bytes, this has \(length)"
        case .reserved: "/.daft is daft's own"
        }
    }
}

public struct Name: Coded, Comparable {
    public static let minimumSize = 4
    public static let maximumLength = 4096
    public static let maximumPart = 255
    public static let root = Name(checked: [slash])

    public static let slash = UInt8(ascii: "/")
    static let own = Array("/.daft".utf8)

    public let bytes: [UInt8]

    public init(_ bytes: some Collection<UInt8>) throws(NameError) {
        let bytes = Array(bytes)
        if let error = Name.fault(in: bytes) { throw error }
        self.bytes = bytes
    }

    public init(_ text: String) throws(NameError) { try self.init(text.utf8) }

    private init(checked bytes: [UInt8]) { self.bytes = bytes }

    /// A name of one letter.
    public static func top(_ letter: UInt8) -> Name { Name(checked: [slash, letter]) }

    public init(from reader: inout ByteReader) throws(Malformed) {
        let start = reader.offset
        let bytes = try reader.run()
        if let error = Name.fault(in: bytes) { throw Malformed("name: \(error.reason)", at: start) }
        self.bytes = bytes
    }

    public func encode(into writer: inout ByteWriter) { writer.run(bytes) }

    public var isRoot: Bool { bytes.count == 1 }
    public var parts: [ArraySlice<UInt8>] { bytes.split(separator: Name.slash) }
    public var last: ArraySlice<UInt8> { parts.last ?? [] }

    /// The parent directory; nil for the root.
    public var parent: Name? {
        guard !isRoot, let cut = bytes.lastIndex(of: Name.slash) else { return nil }
        return cut == 0 ? .root : Name(checked: Array(bytes[..<cut]))
    }

    /// All parents but the root, outermost first.
    public var ancestors: [Name] {
        bytes.indices.dropFirst().filter { bytes[$0] == Name.slash }.map { Name(checked: Array(bytes[..<$0])) }
    }

    public func appending(_ part: some Collection<UInt8>) throws(NameError) -> Name {
        try Name((isRoot ? [] : bytes) + [Name.slash] + part)
    }

    /// This name relative to `root`: empty for `root` itself, `a/b` for a name below, nil for others.
    public func relative(to root: Name) -> ArraySlice<UInt8>? {
        if self == root { return [] }
        guard isBelow(root) else { return nil }
        return bytes[(root.isRoot ? 1 : root.bytes.count + 1)...]
    }

    public func isBelow(_ root: Name) -> Bool {
        if root.isRoot { return !isRoot }
        return bytes.count > root.bytes.count + 1 && bytes[root.bytes.count] == Name.slash
            && bytes.starts(with: root.bytes)
    }

    public static func < (x: Name, y: Name) -> Bool { x.bytes.lexicographicallyPrecedes(y.bytes) }

    private static func fault(in bytes: [UInt8]) -> NameError? {
        guard bytes.first == slash else { return .relative }
        if bytes.count == 1 { return nil }
        if bytes.count > maximumLength { return .tooLong(bytes.count) }
        if bytes.contains(0) { return .nul }
        var start = 1
        for end in 1...bytes.count where end == bytes.count || bytes[end] == slash {
            let count = end - start
            if count == 0 { return .emptyPart }
            if count <= 2, bytes[start..<end].allSatisfy({ $0 == UInt8(ascii: ".") }) { return .dots }
            if count > maximumPart { return .partTooLong(count) }
            start = end + 1
        }
        if bytes.starts(with: own), bytes.count == own.count || bytes[own.count] == slash { return .reserved }
        return nil
    }
}

extension Name: CustomStringConvertible {
    public var description: String { shown(bytes) }
}

/// The name that a user typed: `set/a/` is `/set/a`, or below `base` if that is not the root.
public func resolvedName(_ typed: some Collection<UInt8>, in base: Name = .root) throws(NameError) -> Name {
    guard !typed.isEmpty else { throw .emptyPart }
    var bytes = Array(typed)
    if bytes.first != Name.slash { bytes = (base.isRoot ? [] : base.bytes) + [Name.slash] + bytes }
    while bytes.count > 1, bytes.last == Name.slash { bytes.removeLast() }
    return try Name(bytes)
}
