// How much a rank's log tells, and how its values are written.

public enum LogLevel: String, CaseIterable, Comparable, Sendable {
    /// A command that failed, data that is lost.
    case error
    /// What was not as it should be, and was lived with.
    case warning
    /// Who came and went, what was asked and how it ended.
    case info
    /// Every question that this rank was asked.
    case debug

    public static func < (one: LogLevel, other: LogLevel) -> Bool { one.order < other.order }

    public var order: Int { LogLevel.allCases.firstIndex(of: self) ?? 0 }
}

/// As it is, or in quotes: a value is one word, and a log's line one line.
public func logValue(_ value: String) -> String {
    let isWord = value.utf8.allSatisfy { (0x21..<0x7f).contains($0) && $0 != UInt8(ascii: "\"") }
    if isWord, !value.isEmpty { return value }
    return "\"" + value.replacing("\"", with: "\\\"").replacing("\n", with: "\\n") + "\""
}

/// Which of its cases a value is: `fetch`.
public func caseName(of value: Any) -> String { Mirror(reflecting: value).children.first?.label ?? "\(value)" }
