// A line of a job script: `#DAFT put DIR` is for daft-run what `#SBATCH --nodes=2` is for sbatch.

public enum ScriptLine: Hashable, Sendable {
    /// A command, at its original columns.
    case directive([UInt8])
    /// A comment or blank line: directives may follow.
    case comment
    /// Code: no directives follow.
    case code

    private static let mark = Array("#DAFT".utf8)

    public init(_ line: [UInt8]) {
        let isMarked = line.starts(with: ScriptLine.mark)
        if isMarked, line.count == ScriptLine.mark.count || isBlank(line[ScriptLine.mark.count]) {
            self = .directive(ScriptLine.mark.map { _ in UInt8(ascii: " ") } + line.dropFirst(ScriptLine.mark.count))
        } else if line.first == UInt8(ascii: "#") || line.allSatisfy(isBlank) {
            self = .comment
        } else {
            self = .code
        }
    }
}
