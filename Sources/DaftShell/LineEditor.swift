// A prompt on a terminal: lines are edited and remembered by libedit, through its callbacks, for a blocking call would
// not hear of a signal.

import CEdit
import DaftCore
import Glibc

/// One for the process: the terminal is one, and libedit is, too. Used by one thread at a time.
final class LineEditor: @unchecked Sendable {
    private static let remembered: Int32 = 1_000

    private let prompt: String
    private let historyFile: String?

    /// Nil where there is no terminal to edit on.
    init?(_ prompt: String) {
        let terminal = getenv("TERM").map { String(cString: $0) } ?? "dumb"
        guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1, terminal != "dumb" else { return nil }
        self.prompt = prompt
        historyFile = getenv("HOME").map { String(cString: $0) + "/.daft_history" }
        using_history()
        stifle_history(LineEditor.remembered)
        if let historyFile { read_history(historyFile) }
    }

    /// Blocks until a line is entered, or `wake` has something to read.
    /// What answers a question is not remembered.
    func next(until wake: Int32, asking question: String? = nil) -> Lines.Next {
        entered = nil
        isDone = false
        rl_callback_handler_install(question ?? prompt) { takeLine($0) }
        defer { rl_callback_handler_remove() }
        while !isDone {
            guard awaitInput(STDIN_FILENO, until: wake) else { return .interrupted }
            rl_callback_read_char()
        }
        guard let line = entered else { return .end }
        if question == nil { remember(line) }
        return .line(line)
    }

    /// What is only blanks, or begins with one, is not remembered: that is how shells let one keep a line to oneself.
    private func remember(_ line: [UInt8]) {
        guard let first = line.first, first != UInt8(ascii: " ") else { return }
        withCString(line) { _ = add_history($0) }
        guard let historyFile else { return }
        write_history(historyFile)
        chmod(historyFile, 0o600)
    }
}

// libedit hands the line to a C function, which has nowhere else to put it.
private nonisolated(unsafe) var entered: [UInt8]?
private nonisolated(unsafe) var isDone = false

private func takeLine(_ text: UnsafeMutablePointer<CChar>?) {
    isDone = true
    guard let text else { return }
    entered = UnsafeBufferPointer(start: text, count: strlen(text)).map { UInt8(bitPattern: $0) }
    free(text)
}
