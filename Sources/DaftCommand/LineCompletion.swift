// Determines what can be completed at the cursor of a prompt line.

import DaftModel

public struct LineCompletion: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        case words([String])
        case names, files, directories, filesAndNames
        case nothing
    }

    /// Where the word at the cursor begins.
    public let start: Int
    /// The text typed so far, without quotes.
    public let typed: [UInt8]
    public let kind: Kind

    /// `line` ends at the cursor.
    public init(_ line: [UInt8]) {
        start = beginningOfLastWord(in: line)
        let last = Array(line[start...])
        // An open quote is closed for parsing.
        let closed = [last, last + "'".utf8, last + "\"".utf8].lazy.compactMap { try? words(of: $0) }.first
        typed = closed?.first?.bytes ?? []
        // A line with a syntax error before the cursor has no completions.
        let before = (try? words(of: line[..<start])) ?? []
        kind = LineCompletion.kind(after: before, typed)
    }

    private static func kind(after before: [Token], _ typed: [UInt8]) -> Kind {
        guard let first = before.first else {
            return typed.first == UInt8(ascii: "!") ? .nothing : .words(Verb.words)
        }
        guard let verb = Verb(rawValue: first.text) else { return .nothing }
        let options = verb.shape.options
        if let last = before.last, last.isDashed,
            let option = options.first(where: { $0.names.contains(last.text) }), let value = option.value,
            !option.isValueOptional
        {
            return Kind(Completed(value, knowsNames: true))
        }
        if typed.first == UInt8(ascii: "-") { return .words(options.flatMap(\.names)) }
        return Kind(Completed(verb.shape.operands, knowsNames: true))
    }
}

extension LineCompletion.Kind {
    fileprivate init(_ completed: Completed) {
        self =
            switch completed {
            case .files: .files
            case .directories: .directories
            case .names: .names
            case .filesAndNames: .filesAndNames
            case .words(let words): .words(words)
            case .nothing: .nothing
            }
    }
}

private func beginningOfLastWord(in line: [UInt8]) -> Int {
    var start = 0
    var quote: UInt8?
    var index = 0
    while index < line.count {
        let byte = line[index]
        if byte == UInt8(ascii: "\\"), quote != UInt8(ascii: "'") {
            index += 1
        } else if let open = quote {
            if byte == open { quote = nil }
        } else if byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") {
            quote = byte
        } else if isBlank(byte) {
            start = index + 1
        }
        index += 1
    }
    return start
}

/// A word as it must be typed: special characters are escaped with a backslash, unprintable bytes as `\xHH`.
public func typedWord(_ bytes: some Sequence<UInt8>) -> [UInt8] {
    var typed: [UInt8] = []
    for byte in bytes {
        switch byte {
        case 0..<32, 127: typed += Array("\\x".utf8) + Array(hexadecimal([byte]).utf8)
        case UInt8(ascii: " "), UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "#"),
            UInt8(ascii: "@"), UInt8(ascii: "!"):
            typed += [UInt8(ascii: "\\"), byte]
        default: typed.append(byte)
        }
    }
    return typed
}
