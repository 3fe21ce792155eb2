// All that is printed goes through one thread, so that results, messages and the progress line do not mix and a slow
// reader holds back a listing and nothing else.

import DaftCore
import DaftLink
import Glibc
import Synchronization

public final class Console: Sendable {
    /// What the user wants to see.
    public struct Style: Sendable {
        var json = false
        var quiet = false
        var verbose = false
        var progress = true

        init() {}

        init(_ options: Options) {
            (json, quiet, verbose) = (options.json, options.quiet, options.verbose)
            progress = options.progress && !options.quiet
        }
    }

    let style: Style
    let interruption: Interruption
    private let thread = Workers(threads: 1, name: "daft-console")
    private let isDrawn = Atomic<Bool>(false)
    private let output = Mutex(Written.done)

    init(_ style: Style, _ interruption: Interruption) {
        self.style = style
        self.interruption = interruption
    }

    public func close() { thread.stop() }

    /// How standard output fared until now.
    var outputState: Written { output.withLock { $0 } }

    /// To standard output. False: nobody takes it, and whoever has more of it may stop.
    @discardableResult
    func put(_ text: String) async -> Bool {
        await thread.run { [self] in
            clearLine()
            var text = text
            return text.withUTF8 { pour(UnsafeRawBufferPointer($0)) }
        }
    }

    /// To standard output at once, from any thread that may block.
    func pour(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard outputState == .done else { return false }
        let written = write(bytes, to: STDOUT_FILENO, until: interruption.wake)
        output.withLock { $0 = written }
        return written == .done
    }

    /// To standard error, with the name of the program's messages before each.
    public func say(_ message: String) async {
        await thread.run { [self] in
            clearLine()
            _ = write("daft: \(message)\n", to: STDERR_FILENO, until: interruption.wake)
        }
    }

    /// A prompt, or the end of its line.
    func ask(_ text: String) async {
        await thread.run { [self] in _ = write(text, to: STDERR_FILENO, until: interruption.wake) }
    }

    public func sayIfVerbose(_ message: String) async {
        if style.verbose { await say(message) }
    }

    /// Blocking work of the user's: reading what is typed, a command of the local shell.
    func run<T: Sendable>(_ work: @escaping @Sendable () -> T) async -> T { await thread.run(work) }

    // MARK: the progress line

    static var isTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// Draws over the last progress line; nothing where `line` has nothing any more.
    func draw(_ line: @escaping @Sendable () -> String?) async {
        await thread.run { [self] in
            guard let line = line() else { return }
            if Console.isTerminal {
                _ = write("\r\(line.prefix(terminalWidth() - 1))\u{1b}[K", to: STDERR_FILENO, until: interruption.wake)
                isDrawn.store(true, ordering: .relaxed)
            } else {
                _ = write("daft: \(line)\n", to: STDERR_FILENO, until: interruption.wake)
            }
        }
    }

    func clear() async {
        if isDrawn.load(ordering: .relaxed) { await thread.run { [self] in clearLine() } }
    }

    private func clearLine() {
        guard isDrawn.exchange(false, ordering: .relaxed) else { return }
        _ = write("\r\u{1b}[K", to: STDERR_FILENO, until: interruption.wake)
    }
}

private func terminalWidth() -> Int {
    var size = winsize()
    guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 1 else { return 80 }
    return Int(size.ws_col)
}
