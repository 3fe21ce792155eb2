// Reads commands line by line: from a job file, standard input, or a terminal.

import DaftCommand
import DaftModel
import Glibc

/// Reads lines. Used by one task at a time, on any thread.
public final class Lines: @unchecked Sendable {
    static let longest = 1 << 20
    /// Enough for a file that is no job file at all.
    private static let mostFaults = 10

    enum Next: Equatable {
        case line([UInt8])
        case end
        /// A signal came first.
        case interrupted
        case failed(Failure)
    }

    /// For messages: `jobs.txt`, `standard input`.
    let title: String
    private(set) var number = 0
    private let path: [UInt8]
    private let file: Int32
    /// Reads only the directives of a job script.
    private let ofScript: Bool
    private var directives = 0
    private var rest: [UInt8] = []
    private var isOver = false

    var isTerminal: Bool { file == STDIN_FILENO ? UserTerminal.isTyped : isatty(file) == 1 }

    /// `-` is standard input. `ofScript`: reads the `#DAFT` comments at the start of a job script.
    init(path: [UInt8], ofScript: Bool = false) throws(Failure) {
        self.ofScript = ofScript
        self.path = path
        if path.elementsEqual("-".utf8) {
            (file, title) = (STDIN_FILENO, "standard input")
            return
        }
        title = shown(path)
        file = withCString(path) { open($0, O_RDONLY | O_CLOEXEC) }
        if file < 0 { throw Failure(.usage, path, String(cString: strerror(errno))) }
    }

    /// Errors in a file's lines, found before any is executed. Input that can be read only once is not checked, nor is
    /// what lines append to the file.
    func faults() -> [String] {
        var status = stat()
        // If it cannot be opened again, faults are reported line by line.
        guard file != STDIN_FILENO, fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            let all = try? Lines(path: path, ofScript: ofScript)
        else { return [] }
        var faults: [String] = []
        while faults.count < Lines.mostFaults {
            switch all.next(until: -1) {
            case .line(let line):
                do throws(CommandError) {
                    // Later lines will not be executed.
                    if try Command(line: line).isLast { return faults }
                } catch {
                    faults.append("\(title):\(all.number): \(error)")
                }
            case .failed(let failure): return faults + ["\(failure)"]
            case .end, .interrupted: return faults
            }
        }
        return faults
    }

    static func standardInput() throws(Failure) -> Lines { try Lines(path: Array("-".utf8)) }

    /// Blocks until there is a line or `wake` is readable.
    func next(until wake: Int32) -> Next {
        guard ofScript else { return nextLine(until: wake) }
        while true {
            let next = nextLine(until: wake)
            guard case .line(let line) = next else { return next == .end ? endOfDirectives : next }
            switch ScriptLine(line) {
            case .comment: continue
            case .code: return endOfDirectives
            case .directive(let command):
                directives += 1
                return .line(command)
            }
        }
    }

    private var endOfDirectives: Next {
        if directives > 0 { return .end }
        return .failed(Failure(.usage, title.utf8, "no #DAFT line in the comments that it begins with"))
    }

    private func nextLine(until wake: Int32) -> Next {
        var searched = 0
        while true {
            if let end = rest[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                number += 1
                defer { rest.removeFirst(end + 1) }
                return .line(Array(rest[..<end]))
            }
            if rest.count > Lines.longest {
                return .failed(Failure(.usage, title.utf8, "line \(number + 1) is longer than \(Lines.longest) bytes"))
            }
            if isOver { return last() }
            searched = rest.count
            guard awaitInput(file, until: wake) else { return .interrupted }
            if let failure = fill() { return .failed(failure) }
        }
    }

    /// Discards the partial line typed before a signal.
    func forgetLine() { rest = [] }

    private func last() -> Next {
        if rest.isEmpty { return .end }
        number += 1
        defer { rest = [] }
        return .line(rest)
    }

    private func fill() -> Failure? {
        var count = 0
        var code: Int32 = 0
        let piece = [UInt8](unsafeUninitializedCapacity: 65_536) { buffer, filled in
            count = Glibc.read(file, buffer.baseAddress, 65_536)
            code = errno
            filled = max(0, count)
        }
        if count < 0, code != EINTR { return Failure(.failed, title.utf8, String(cString: strerror(code))) }
        rest += piece
        isOver = count == 0
        return nil
    }

    deinit {
        if file != STDIN_FILENO { close(file) }
    }
}
