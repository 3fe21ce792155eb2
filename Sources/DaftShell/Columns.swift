// Formats rows, times and permission bits.

import DaftCommand
import DaftModel
import Glibc

/// Aligns rows in columns; those in `right` to the right. The last column is not padded.
func aligned(_ rows: [[Tinted]], right: Set<Int> = [], _ style: OutputStyle) -> String {
    let count = rows.map(\.count).max() ?? 0
    let widths = (0..<count).map { column in rows.map { $0.count > column ? $0[column].text.count : 0 }.max() ?? 0 }
    var text = ""
    for row in rows {
        for (column, cell) in row.enumerated() {
            let gap = String(repeating: " ", count: widths[column] - cell.text.count)
            if right.contains(column) { text += gap }
            text += cell.shown(style)
            if column < row.count - 1 { text += (right.contains(column) ? "" : gap) + "  " }
        }
        text += "\n"
    }
    return text
}

func aligned(_ rows: [[String]], right: Set<Int> = []) -> String {
    aligned(rows.map { $0.map { Tinted($0) } }, right: right, OutputStyle())
}

/// Column titles.
func titles(_ words: [String]) -> [Tinted] { words.map { Tinted($0, .title) } }

/// `-rw-r--r--`
func shown(mode: UInt16, of kind: Entry.Kind) -> String {
    let type: Character
    switch kind {
    case .file: type = "-"
    case .directory: type = "d"
    case .symlink: type = "l"
    }
    var letters = [type] + zip("rwxrwxrwx", 0..<9).map { mode & (0o400 >> $1) != 0 ? $0 : "-" }
    for (index, bit, letter) in [(3, 0o4000, "s"), (6, 0o2000, "s"), (9, 0o1000, "t")] as [(Int, UInt16, Character)]
    where mode & bit != 0 {
        letters[index] = letters[index] == "x" ? letter : Character(letter.uppercased())
    }
    return String(letters)
}

/// `0644`
func octal(_ mode: UInt16) -> String {
    let digits = String(mode, radix: 8)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
}

/// `2001-02-03 04:05:06`, in local time.
func shown(_ time: Time) -> String {
    var seconds = time_t(time.seconds)
    var parts = tm()
    localtime_r(&seconds, &parts)
    return formatted(parts, "%Y-%m-%d %H:%M:%S")
}

/// `2001-02-03 04:05:06.123456789 +0100`
func shownExactly(_ time: Time) -> String {
    var seconds = time_t(time.seconds)
    var parts = tm()
    localtime_r(&seconds, &parts)
    return formatted(parts, "%Y-%m-%d %H:%M:%S") + fraction(time) + formatted(parts, " %z")
}

/// `2001-02-03T04:05:06.123456789Z`
func universal(_ time: Time) -> String {
    var seconds = time_t(time.seconds)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    return formatted(parts, "%Y-%m-%dT%H:%M:%S") + fraction(time) + "Z"
}

/// The time this many milliseconds ago.
func moment(millisecondsAgo milliseconds: UInt64) -> Time {
    Time(seconds: Int64(time(nil)) - Int64(clamping: milliseconds / 1000), nanoseconds: 0)
}

private func fraction(_ time: Time) -> String { "." + String(String(1_000_000_000 + time.nanoseconds).dropFirst()) }

private func formatted(_ parts: tm, _ format: String) -> String {
    var parts = parts
    var text = [CChar](repeating: 0, count: 64)
    let count = strftime(&text, text.count, format, &parts)
    return String(decoding: text.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// `1 file`, `2 files`.
func counted(_ count: some BinaryInteger, _ word: String) -> String { "\(count) \(word)\(count == 1 ? "" : "s")" }
