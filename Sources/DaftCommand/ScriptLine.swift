// A line of a user's job script, for which `#DAFT put DIR` is what `#SBATCH --nodes=2` is for sbatch.

public enum ScriptLine: Hashable, Sendable {
    /// A command, in the columns where it stands.
    case directive([UInt8])
    /// A comment or a blank line: directives may follow.
    case comment
    /// From here on nothing is a directive.
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
