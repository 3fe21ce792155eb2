// Splits pipe input into lines. Overlong lines are dropped.

import DaftModel

struct LineReader {
    private let longestBytes: Int
    private var partial: [UInt8] = []
    private var isTooLong = false

    init(longestBytes: Int) { self.longestBytes = longestBytes }

    /// The lines completed by `piece`.
    mutating func lines(_ piece: some Sequence<UInt8>) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        for byte in piece {
            if byte == UInt8(ascii: "\n") {
                if let line = ended() { lines.append(line) }
            } else if partial.count < longestBytes {
                partial.append(byte)
            } else {
                (partial, isTooLong) = ([], true)
            }
        }
        return lines
    }

    /// The text after the last newline.
    mutating func rest() -> [UInt8] { ended() ?? [] }

    private mutating func ended() -> [UInt8]? {
        defer { (partial, isTooLong) = ([], false) }
        return isTooLong ? nil : partial
    }
}

/// The last lines of an error output, for messages: without blank lines and control characters.
struct LastLines {
    private static let most = 2
    private static let longestCharacters = 300
    private var reader = LineReader(longestBytes: 4096)
    private var lines: [String] = []

    mutating func add(_ piece: some Sequence<UInt8>) {
        for line in reader.lines(piece) { keep(line) }
    }

    mutating func taken() -> [String] {
        keep(reader.rest())
        return lines
    }

    private mutating func keep(_ line: [UInt8]) {
        let printable = String(decoding: line, as: UTF8.self).unicodeScalars.filter {
            $0.value >= 0x20 && $0.value != 0x7f && !(0x80..<0xa0).contains($0.value)
                && $0.properties.generalCategory != .format
        }
        var text = String(String.UnicodeScalarView(printable))
        text = String(text.drop { $0 == " " }.prefix(LastLines.longestCharacters))
        while text.last == " " { text.removeLast() }
        if !text.isEmpty { lines = lines.suffix(LastLines.most - 1) + [text] }
    }
}
