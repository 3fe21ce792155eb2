// Distinguishes code, comments and strings byte by byte, so that braces in strings and words in comments do not mislead
// rules. Code inside \( ) is code. Regex literals between bare slashes are not supported: write #/…/#.

enum ByteKind {
    case code, comment, string
}

struct Scanner {
    private let bytes: [UInt8]
    private var kinds: [ByteKind]
    private var position = 0

    static func kinds(of bytes: [UInt8]) -> [ByteKind] {
        var scanner = Scanner(bytes)
        scanner.skipCode(untilParenthesis: false)
        return scanner.kinds
    }

    private init(_ bytes: [UInt8]) {
        self.bytes = bytes
        kinds = [ByteKind](repeating: .code, count: bytes.count)
    }

    private func stands(_ text: String, after skipped: Int = 0) -> Bool {
        bytes[min(position + skipped, bytes.count)...].starts(with: text.utf8)
    }

    /// Bytes that start a comment or literal, or are parentheses: a fast path for all others.
    private static let marks: [Bool] = (0...255).map { Set("/\"#()".utf8).contains($0) }

    private mutating func take(_ count: Int, as kind: ByteKind) {
        let end = min(position + count, bytes.count)
        for i in position..<end { kinds[i] = kind }
        position = end
    }

    private mutating func skipCode(untilParenthesis: Bool) {
        var depth = 0
        while position < bytes.count {
            if !Scanner.marks[Int(bytes[position])] {
                position += 1  // `kinds` has it as code
            } else if stands("//") {
                while position < bytes.count, bytes[position] != UInt8(ascii: "\n") { take(1, as: .comment) }
            } else if stands("/*") {
                skipBlockComment()
            } else if let hashes = hashesBeforeLiteral() {
                skipLiteral(hashes: hashes)
            } else {
                if stands("(") { depth += 1 }
                if stands(")") {
                    if untilParenthesis, depth == 0 { return }
                    depth -= 1
                }
                take(1, as: .code)
            }
        }
    }

    /// Block comments nest.
    private mutating func skipBlockComment() {
        var depth = 0
        repeat {
            if stands("/*") {
                depth += 1
                take(2, as: .comment)
            } else if stands("*/") {
                depth -= 1
                take(2, as: .comment)
            } else {
                take(1, as: .comment)
            }
        } while depth > 0 && position < bytes.count
    }

    /// The number of # before the string or regex that starts here; nil if none does.
    private func hashesBeforeLiteral() -> Int? {
        guard stands("\"") || stands("#") else { return nil }
        let hashes = bytes[position...].prefix { $0 == UInt8(ascii: "#") }.count
        if stands("\"", after: hashes) || (hashes > 0 && stands("/", after: hashes)) { return hashes }
        return nil
    }

    private mutating func skipLiteral(hashes: Int) {
        let fence = String(repeating: "#", count: hashes)
        let quote = stands("/", after: hashes) ? "/" : stands("\"\"\"", after: hashes) ? "\"\"\"" : "\""
        let (end, escape) = (quote + fence, "\\" + (quote == "/" ? "" : fence))
        take(hashes + quote.utf8.count, as: .string)
        while position < bytes.count, !stands(end) {
            if quote == "\"", stands("\n") { return }  // broken source: the compiler says so, the next line is sound
            guard stands(escape) else {
                take(1, as: .string)
                continue
            }
            take(escape.utf8.count, as: .string)
            let isInterpolation = quote != "/" && stands("(")
            take(1, as: .string)
            if isInterpolation { skipCode(untilParenthesis: true) }
        }
        take(end.utf8.count, as: .string)
    }
}
