// Prints everything on one thread, so that results, messages and the progress line do not mix, and a slow reader blocks
// only listings.

import DaftCommand
import DaftLink
import Glibc
import Synchronization

public final class Console: Sendable {
    public let style: OutputStyle
    public let interruption: Interruption
    private let files: any Output
    private let thread = Workers(threads: 1, name: "daft-console")
    private let isDrawn = Atomic<Bool>(false)
    private let output = Mutex(WriteOutcome.done)

    public init(_ style: OutputStyle, _ interruption: Interruption, to files: any Output) {
        self.style = style
        self.interruption = interruption
        self.files = files
    }

    convenience init(_ style: OutputStyle, _ interruption: Interruption) {
        self.init(style, interruption, to: StandardFiles(until: interruption.wake))
    }

    public func close() { thread.stop() }

    /// The state of standard output.
    var outputState: WriteOutcome { output.withLock { $0 } }

    /// Prints to standard output. False: nobody reads, and the caller may stop.
    @discardableResult
    func put(_ text: String) async -> Bool {
        await thread.run { [self] in
            clearLine()
            var text = text
            return text.withUTF8 { writeOutput(UnsafeRawBufferPointer($0)) }
        }
    }

    /// Prints bytes to standard output; returns false like `put`.
    func writeOutput(_ bytes: [UInt8]) async -> Bool {
        await thread.run { [self] in bytes.withUnsafeBytes { writeOutput($0) } }
    }

    /// Prints bytes from elsewhere unchanged. On the console's thread, inside `run`.
    public func relay(_ bytes: [UInt8], asErrors: Bool) -> WriteOutcome {
        bytes.withUnsafeBytes { bytes in
            if asErrors { return files.write(bytes, asErrors: true) }
            _ = writeOutput(bytes)
            return outputState
        }
    }

    private func writeOutput(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard outputState == .done else { return false }
        let written = files.write(bytes, asErrors: false)
        output.withLock { $0 = written }
        return written == .done
    }

    /// Prints to standard error, with the program's name.
    public func writeMessage(_ message: String) async {
        await thread.run { [self] in
            clearLine()
            writeError("daft: \(message)\n")
        }
    }

    /// Prints a prompt, or ends its line.
    func ask(_ text: String) async {
        await thread.run { [self] in writeError(text) }
    }

    public func writeIfVerbose(_ message: String) async {
        if style.verbose { await writeMessage(message) }
    }

    /// Runs blocking work: reading input, a local command.
    public func run<T: Sendable>(_ work: @escaping @Sendable () -> T) async -> T { await thread.run(work) }

    // MARK: progress line

    /// Maximum width of the progress line; nil without a terminal.
    public var columns: Int? { files.columns }

    /// Replaces the progress line; nil clears it.
    func draw(_ line: @escaping @Sendable () -> String?) async {
        await thread.run { [self] in
            guard let line = line() else { return }
            if let columns {
                writeError("\r\(line.prefix(columns - 1))\u{1b}[K")
                isDrawn.store(true, ordering: .relaxed)
            } else {
                writeError("daft: \(line)\n")
            }
        }
    }

    func clear() async {
        if isDrawn.load(ordering: .relaxed) { await thread.run { [self] in clearLine() } }
    }

    private func clearLine() {
        guard isDrawn.exchange(false, ordering: .relaxed) else { return }
        writeError("\r\u{1b}[K")
    }

    private func writeError(_ text: String) {
        var text = text
        _ = text.withUTF8 { files.write(UnsafeRawBufferPointer($0), asErrors: true) }
    }
}
