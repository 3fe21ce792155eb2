// Line editing and history at a terminal with libedit, through its callback interface, since its blocking call would
// ignore signals.

import CEdit
import DaftCommand
import DaftModel
import Glibc

/// One per process, as are the terminal and libedit. Not thread-safe.
final class LineEditor: @unchecked Sendable {
    private static let remembered: Int32 = 1_000

    private let historyFile: String?

    /// Nil if there is no terminal to edit on.
    init?() {
        let terminal = getenv("TERM").map { String(cString: $0) } ?? "dumb"
        guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1, terminal != "dumb" else { return nil }
        historyFile = getenv("HOME").map { String(cString: $0) + "/.daft_history" }
        using_history()
        stifle_history(LineEditor.remembered)
        if let historyFile { read_history(historyFile) }
        edit_complete_with { _, start, end in offer(from: Int(start), to: Int(end)) }
    }

    /// Blocks until a line is entered or `wake` is readable. Without a completer the line answers a question: no
    /// completion, no history.
    func next(_ prompt: String, until wake: Int32, _ completer: Completer? = nil) -> Lines.Next {
        entered = nil
        isDone = false
        completing = completer
        rl_callback_handler_install(prompt) { takeLine($0) }
        defer { rl_callback_handler_remove() }
        while !isDone {
            guard awaitInput(STDIN_FILENO, until: wake) else { return .interrupted }
            rl_callback_read_char()
        }
        guard let line = entered else { return .end }
        if completer != nil { remember(line) }
        return .line(line)
    }

    /// Blank lines and lines with a leading blank are not remembered, as in shells.
    private func remember(_ line: [UInt8]) {
        guard let first = line.first, first != UInt8(ascii: " ") else { return }
        withCString(line) { _ = add_history($0) }
        guard let historyFile else { return }
        write_history(historyFile)
        chmod(historyFile, 0o600)
    }
}

// libedit passes the line to a C function without a context argument.
private nonisolated(unsafe) var entered: [UInt8]?
private nonisolated(unsafe) var isDone = false

private nonisolated(unsafe) var completing: Completer?

/// Completions in readline's format: the common prefix, then each word.
private func offer(from start: Int, to end: Int) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? {
    edit_offer_nothing_else()
    guard let completing, let text = edit_line() else { return nil }
    let line = UnsafeBufferPointer(start: text, count: min(end, strlen(text))).map { UInt8(bitPattern: $0) }
    let (ownStart, words) = completing.candidates(for: line)
    // libedit splits quoted words with blanks elsewhere.
    guard ownStart == start, !words.isEmpty else { return nil }
    let isWhole = words.count == 1
    edit_append(isWhole && words[0].last == Name.slash ? 0 : 32)
    let offered = isWhole ? words : [words.commonBeginning] + words
    // libedit reads the third element even of shorter lists.
    let count = max(offered.count + 1, 3)
    let list = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: count)
    list.initialize(repeating: nil, count: count)
    for (index, word) in offered.enumerated() { list[index] = withCString(word) { strdup($0) } }
    return list
}

private func takeLine(_ text: UnsafeMutablePointer<CChar>?) {
    isDone = true
    guard let text else { return }
    entered = UnsafeBufferPointer(start: text, count: strlen(text)).map { UInt8(bitPattern: $0) }
    free(text)
}
