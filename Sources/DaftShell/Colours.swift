// Colours of listings, on terminals only and never with NO_COLOR.

import DaftCommand
import DaftModel
import Glibc

/// The default colours of `ls`.
enum Colour: String {
    case directory = "01;34"
    case symlink = "01;36"
    case executable = "01;32"
    case good = "32"
    case attention = "33"
    case bad = "01;31"
    case title = "01"

    static func of(_ entry: Entry) -> Colour? {
        switch entry.kind {
        case .directory: .directory
        case .symlink: .symlink
        case .file: entry.mode & 0o111 != 0 ? .executable : nil
        }
    }
}

/// Coloured text; escape sequences do not count for its width.
struct Tinted {
    let text: String
    let colour: Colour?

    init(_ text: String, _ colour: Colour? = nil) {
        self.text = text
        self.colour = colour
    }

    func shown(_ style: OutputStyle) -> String {
        guard style.isColoured, let colour, !text.isEmpty else { return text }
        return "\u{1b}[\(colour.rawValue)m\(text)\u{1b}[0m"
    }
}

extension OutputStyle {
    /// From the options and, if any, this process's terminal.
    init(_ options: Options) {
        self.init()
        json = options.json
        quiet = options.quiet
        verbose = options.verbose
        progress = options.progress
        exactSizes = options.exactSizes
        isOnTerminal = UserTerminal.showsResults
        let terminal = variable("TERM").map { String(decoding: $0, as: UTF8.self) }
        isColoured =
            isOnTerminal && !json && (variable("NO_COLOR") ?? []).isEmpty && terminal != nil && terminal != "dumb"
    }
}
