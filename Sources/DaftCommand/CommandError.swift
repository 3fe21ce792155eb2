// A usage error: the reason, the position, and perhaps a suggestion.

import DaftModel

public struct CommandError: Error, Hashable, Sendable {
    public let reason: String
    /// Position in the line in characters, from 1; nil for program arguments.
    public let column: Int?
    /// The command's synopsis, if helpful.
    public let synopsis: String?

    public init(_ reason: String, column: Int? = nil, synopsis: String? = nil) {
        self.reason = reason
        self.column = column
        self.synopsis = synopsis
    }

    init(unknown kind: String, _ word: Token, among known: [String], synopsis: String? = nil) {
        let meant = closest(to: word.text, among: known).map { ": did you mean `\($0)`?" } ?? ""
        self.init("unknown \(kind) `\(shown(word.bytes))`\(meant)", column: word.column, synopsis: synopsis)
    }

    public var failure: Failure { Failure(.usage, [], description) }
}

extension CommandError: CustomStringConvertible {
    /// `column 5: unknown command `bast`: did you mean `bcast`?`, with the usage on a second line.
    public var description: String {
        (column.map { "column \($0): " } ?? "") + reason + (synopsis.map { "\nusage: \($0)" } ?? "")
    }
}

/// The most similar known word: at most two edits away, and at most half of its letters.
func closest(to word: String, among known: [String]) -> String? {
    let typed = Array(word.utf8)
    guard typed.count <= 32 else { return nil }
    let most = min(2, typed.drop { $0 == UInt8(ascii: "-") }.count / 2)
    let near = known.filter { abs($0.utf8.count - typed.count) <= most }
        .map { (editDistance: editDistance(from: typed, to: Array($0.utf8)), word: $0) }.filter {
            $0.editDistance <= most
        }
    return near.min { $0.editDistance < $1.editDistance }?.word
}

/// The edit distance, counting insertions, deletions, substitutions and transpositions.
private func editDistance(from typed: [UInt8], to meant: [UInt8]) -> Int {
    var before: [Int] = []
    var above: [Int] = Array(0...meant.count)
    for i in typed.indices {
        var row = [i + 1]
        for j in meant.indices {
            var best = min(above[j] + (typed[i] == meant[j] ? 0 : 1), above[j + 1] + 1, row[j] + 1)
            if i > 0, j > 0, typed[i] == meant[j - 1], typed[i - 1] == meant[j] { best = min(best, before[j - 1] + 1) }
            row.append(best)
        }
        (before, above) = (above, row)
    }
    return above[meant.count]
}
