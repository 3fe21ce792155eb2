// Splits a typed line into words with shell-like quoting, so that every name can be typed, whatever its bytes.
//
//     'a b'            literal up to the next '
//     "a \" b"         literal except \" \\ and the escapes below
//     a\ b             a backslash quotes the next character
//     \n \t \xHH       outside '…': newline, tab, any byte; so the output of `shown` can be typed
//     # the rest       a comment, at the start of a word

import DaftModel

/// One word of a command, from a line or from program arguments.
public struct Token: Hashable, Sendable {
    public let bytes: [UInt8]
    /// Position in the line in characters, from 1; nil for program arguments.
    public let column: Int?
    /// Index in `bytes` of the last `@` that was neither quoted nor escaped.
    let at: Int?

    init(_ bytes: [UInt8], column: Int?, at: Int?) {
        self.bytes = bytes
        self.column = column
        self.at = at
    }

    /// A program argument: the shell has removed quotes, so every `@` counts.
    public init(argument: [UInt8]) {
        self.init(argument, column: nil, at: argument.lastIndex(of: UInt8(ascii: "@")))
    }

    var text: String { String(decoding: bytes, as: UTF8.self) }
    var isDashed: Bool { bytes.count > 1 && bytes[0] == UInt8(ascii: "-") }
    var endsOptions: Bool { bytes.elementsEqual("--".utf8) }
}

/// The words of a line; none if it is blank or a comment.
public func words(of line: some Sequence<UInt8>) throws(CommandError) -> [Token] {
    var reader = Tokenizer(line: Array(line))
    var words: [Token] = []
    while let word = try reader.next() { words.append(word) }
    return words
}

func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || (9...13).contains(byte) }

private let backslash = UInt8(ascii: "\\")
private let quote = UInt8(ascii: "'")
private let doubleQuote = UInt8(ascii: "\"")

private struct Tokenizer {
    let line: [UInt8]
    var index = 0
    var bytes: [UInt8] = []
    var at: Int?

    mutating func next() throws(CommandError) -> Token? {
        while index < line.count, isBlank(line[index]) { index += 1 }
        guard index < line.count, line[index] != UInt8(ascii: "#") else {
            index = line.count
            return nil
        }
        let start = index
        bytes = []
        at = nil
        while index < line.count, !isBlank(line[index]) { try readPiece() }
        guard !bytes.contains(0) else { throw CommandError("a word has no zero byte", column: column(of: start)) }
        return Token(bytes, column: column(of: start), at: at)
    }

    private mutating func readPiece() throws(CommandError) {
        switch line[index] {
        case quote: try readLiteral()
        case doubleQuote: try readQuoted()
        case backslash: try readEscaped()
        default:
            if line[index] == UInt8(ascii: "@") { at = bytes.count }
            bytes.append(line[index])
            index += 1
        }
    }

    private mutating func readLiteral() throws(CommandError) {
        guard let end = line[(index + 1)...].firstIndex(of: quote) else {
            throw CommandError("the quote ' is not closed", column: column(of: index))
        }
        bytes += line[index + 1..<end]
        index = end + 1
    }

    private mutating func readQuoted() throws(CommandError) {
        let start = index
        index += 1
        while index < line.count, line[index] != doubleQuote {
            if !readCode(taking: [backslash, doubleQuote]) {
                bytes.append(line[index])
                index += 1
            }
        }
        guard index < line.count else {
            throw CommandError("the quote \" is not closed", column: column(of: start))
        }
        index += 1
    }

    private mutating func readEscaped() throws(CommandError) {
        guard index + 1 < line.count else {
            throw CommandError("nothing follows the \\", column: column(of: index))
        }
        if !readCode() {
            bytes.append(line[index + 1])
            index += 2
        }
    }

    /// Reads `\n`, `\t`, `\xHH`, or a backslash before one of `literals`, if present.
    private mutating func readCode(taking literals: [UInt8] = []) -> Bool {
        guard line[index] == backslash, index + 1 < line.count else { return false }
        var width = 2
        switch line[index + 1] {
        case UInt8(ascii: "n"): bytes.append(UInt8(ascii: "\n"))
        case UInt8(ascii: "t"): bytes.append(UInt8(ascii: "\t"))
        case UInt8(ascii: "x"):
            let digits = String(decoding: line[index + 2..<min(index + 4, line.count)], as: UTF8.self)
            guard digits.utf8.count == 2, let byte = bytesOfHex(digits.lowercased()) else { return false }
            bytes += byte
            width = 4
        case let byte where literals.contains(byte): bytes.append(byte)
        default: return false
        }
        index += width
        return true
    }

    private func column(of index: Int) -> Int {
        line[..<index].count { $0 & 0b1100_0000 != 0b1000_0000 } + 1
    }
}
