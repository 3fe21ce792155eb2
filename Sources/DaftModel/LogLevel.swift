// Log levels, and the format of log values.

public enum LogLevel: String, CaseIterable, Comparable, Sendable {
    /// A failed command, lost data.
    case error
    /// A problem that was handled.
    case warning
    /// Membership changes, orders and their outcomes.
    case info
    /// Every request to this rank.
    case debug

    public static func < (one: LogLevel, other: LogLevel) -> Bool { one.order < other.order }

    public var order: Int { LogLevel.allCases.firstIndex(of: self) ?? 0 }
}

/// Quoted if necessary, so that a value is one word and an event one line.
public func logValue(_ value: String) -> String {
    let isWord = value.utf8.allSatisfy { (0x21..<0x7f).contains($0) && $0 != UInt8(ascii: "\"") }
    if isWord, !value.isEmpty { return value }
    return "\"" + value.replacing("\"", with: "\\\"").replacing("\n", with: "\\n") + "\""
}

/// The name of an enum case: `fetch`.
public func caseName(of value: Any) -> String { Mirror(reflecting: value).children.first?.label ?? "\(value)" }
