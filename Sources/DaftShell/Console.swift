// All that is printed goes through one thread, so that results, messages and the progress line do not mix and a slow
// reader holds back a listing and nothing else.

import DaftCommand
import DaftLink
import Glibc
import Synchronization

public final class Console: Sendable {
    public let look: OutputStyle
    public let interruption: Interruption
    private let files: any Output
    private let thread = Workers(threads: 1, name: "daft-console")
    private let isDrawn = Atomic<Bool>(false)
    private let output = Mutex(WriteOutcome.done)

    public init(_ look: OutputStyle, _ interruption: Interruption, to files: any Output) {
        self.look = look
        self.interruption = interruption
        self.files = files
    }

    convenience init(_ look: OutputStyle, _ interruption: Interruption) {
        self.init(look, interruption, to: StandardFiles(until: interruption.wake))
    }

    public func close() { thread.stop() }

    /// How standard output fared until now.
    var outputState: WriteOutcome { output.withLock { $0 } }

    /// To standard output. False: nobody takes it, and whoever has more of it may stop.
    @discardableResult
    func put(_ text: String) async -> Bool {
        await thread.run { [self] in
            clearLine()
            var text = text
            return text.withUTF8 { pour(UnsafeRawBufferPointer($0)) }
        }
    }

    /// To standard output as it is. False: as above.
    func pour(_ bytes: [UInt8]) async -> Bool {
        await thread.run { [self] in bytes.withUnsafeBytes { pour($0) } }
    }

    /// Bytes that somebody else has made, as they are; on the console's thread, inside `run`.
    public func relay(_ bytes: [UInt8], asErrors: Bool) -> WriteOutcome {
        bytes.withUnsafeBytes { bytes in
            if asErrors { return files.write(bytes, asErrors: true) }
            _ = pour(bytes)
            return outputState
        }
    }

    private func pour(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard outputState == .done else { return false }
        let written = files.write(bytes, asErrors: false)
        output.withLock { $0 = written }
        return written == .done
    }

    /// To standard error, with the name of the program's messages before each.
    public func say(_ message: String) async {
        await thread.run { [self] in
            clearLine()
            writeError("daft: \(message)\n")
        }
    }

    /// A prompt, or the end of its line.
    func ask(_ text: String) async {
        await thread.run { [self] in writeError(text) }
    }

    public func sayIfVerbose(_ message: String) async {
        if look.verbose { await say(message) }
    }

    /// Blocking work of the user's: reading what is typed, a command of the local shell.
    public func run<T: Sendable>(_ work: @escaping @Sendable () -> T) async -> T { await thread.run(work) }

    // MARK: the progress line

    /// How wide a progress line may be; nil where there is no terminal to draw it on.
    public var columns: Int? { files.columns }

    /// Draws over the last progress line; nothing where `line` has nothing any more.
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
