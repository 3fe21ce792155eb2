// The protocol between `daft start` and one node, from the start of its process (ssh or the node itself) until the node
// runs or has failed.

import DaftModel
import DaftWire
import Glibc

final class NodeDialogue {
    private static let longestLineBytes = 4 << 20
    private static let pieceBytes = 64 << 10
    /// Time for a process to end after its last message.
    private static let endingMilliseconds = 2_000
    /// Timeout once the node has its order: it may have much to read, or wait for others.
    private static let startingMilliseconds = 60_000

    private enum Sending { case nothing, program, order }

    private let child: Child
    private let program: OwnProgram?
    private let order: [UInt8]
    private let patienceMilliseconds: Int
    private let wake: Int32
    private var sending = Sending.nothing
    private var sent = 0
    private var isOrdered = false
    private var lineReader = LineReader(longestBytes: longestLineBytes)
    private var lastLines = LastLines()
    private var deadline: Deadline
    private var buffer = [UInt8](repeating: 0, count: pieceBytes)

    /// With a program, the other end first reports whether it has it; without, it expects its order. Fails after
    /// `patienceMilliseconds` without output, or when `wake` is readable.
    init(_ child: Child, _ order: NodeOrder, program: OwnProgram?, patienceMilliseconds: Int, until wake: Int32) {
        self.child = child
        self.program = program
        self.order = order.framed
        self.patienceMilliseconds = patienceMilliseconds
        self.wake = wake
        deadline = Deadline(inMilliseconds: patienceMilliseconds)
        if program == nil { begin(.order) }
    }

    /// Runs the dialogue; on return the process has ended too.
    func run() -> Result<NodeReport, Failure> {
        defer { child.finish(patienceMilliseconds: NodeDialogue.endingMilliseconds) }
        while true {
            var files = [
                pollfd(fd: wake, events: Int16(POLLIN), revents: 0),
                pollfd(fd: child.output, events: Int16(POLLIN), revents: 0),
                pollfd(fd: child.errors, events: Int16(POLLIN), revents: 0),
                pollfd(fd: sending == .nothing ? -1 : child.input, events: Int16(POLLOUT), revents: 0),
            ]
            let count = poll(&files, 4, deadline.milliseconds)
            if count < 0, errno != EINTR { return .failure(Failure(.failed, [], text(of: errno))) }
            if files[0].revents != 0 {
                child.signal(SIGTERM)
                return .failure(Failure(.stopped, [], "interrupted"))
            }
            if files[2].revents != 0 { readErrors() }
            if files[3].revents != 0 { send() }
            if files[1].revents != 0, let result = readOutput() { return result }
            if deadline.isOver { return .failure(Failure(.unreachable, [], silence)) }
        }
    }

    private var silence: String {
        let length = shown(.milliseconds(longestSilenceMilliseconds))
        if sending == .program { return "it took nothing more of the program for \(length)" }
        return isOrdered ? "it did not say within \(length) that it runs" : "nothing was heard of it for \(length)"
    }

    private var longestSilenceMilliseconds: Int {
        isOrdered ? max(patienceMilliseconds, NodeDialogue.startingMilliseconds) : patienceMilliseconds
    }

    private func moveDeadline() { deadline = Deadline(inMilliseconds: longestSilenceMilliseconds) }

    // MARK: output

    /// Reads output; returns the result once it is decided.
    private func readOutput() -> Result<NodeReport, Failure>? {
        let count = read(child.output, &buffer, buffer.count)
        if count < 0, errno == EAGAIN || errno == EINTR { return nil }
        guard count > 0 else { return .failure(end()) }
        for line in lineReader.lines(buffer[..<count]) {
            guard let message = NodeMessage(line: line) else { continue }
            moveDeadline()
            switch message {
            case .need where program != nil: begin(.program)
            case .have where program != nil: begin(.order)
            case .ready(let report): return .success(report)
            case .failed(let failure): return .failure(failure)
            case .need, .have: return .failure(Failure(.malformed, [], "it asks for a program that it is"))
            }
        }
        return nil
    }

    private func readErrors() {
        let count = read(child.errors, &buffer, buffer.count)
        if count > 0 {
            lastLines.add(buffer[..<count])
        } else if count == 0 || errno != EAGAIN && errno != EINTR {
            child.closeErrors()
        }
    }

    /// The other end closed its output: determine why.
    private func end() -> Failure {
        let ended = child.end(withinMilliseconds: NodeDialogue.endingMilliseconds)
        while child.errors >= 0 {
            var file = pollfd(fd: child.errors, events: Int16(POLLIN), revents: 0)
            guard poll(&file, 1, 0) > 0 else { break }
            readErrors()
        }
        let lines = lastLines.taken()
        if lines.isEmpty {
            return Failure(.failed, [], "nothing was said, but " + (ended?.description ?? "it goes on"))
        }
        return NodeDialogue.failure(lines)
    }

    // MARK: input

    private func begin(_ next: Sending) {
        (sending, sent) = (next, 0)
        isOrdered = next == .order
        moveDeadline()
    }

    private func send() {
        let count =
            switch sending {
            case .program: program.map { write($0.bytes) } ?? 0
            case .order: order.withUnsafeBytes(write)
            case .nothing: 0
            }
        if count > 0 {
            sent += count
            moveDeadline()
        } else if errno != EAGAIN, errno != EINTR {
            // Nobody reads; the reason will arrive on its outputs.
            child.closeInput()
            sending = .nothing
        }
    }

    /// Writes the next piece of `bytes`; returns the count.
    private func write(_ bytes: UnsafeRawBufferPointer) -> Int {
        let piece = UnsafeRawBufferPointer(rebasing: bytes[sent...].prefix(NodeDialogue.pieceBytes))
        let count = Glibc.write(child.input, piece.baseAddress, piece.count)
        if sent + max(count, 0) == bytes.count { sending = .nothing }
        return count
    }
}

extension NodeDialogue {
    /// The failure for messages of ssh or a shell, with advice if the cause is known.
    static func failure(_ lines: [String]) -> Failure {
        let last = lines.last ?? ""
        for (sign, kind, advice) in known where last.contains(sign) {
            return Failure(kind, [], bare(last) + advice)
        }
        return Failure(.failed, [], lines.map(bare).joined(separator: "; "))
    }

    private static func bare(_ line: String) -> String {
        line.hasPrefix("ssh: ") ? String(line.dropFirst("ssh: ".count)) : line
    }

    private static let known: [(sign: String, kind: Failure.Kind, advice: String)] = [
        ("Host key verification failed", .denied, " log in once by hand with ssh, which shows the host's key and asks"),
        ("Permission denied (", .denied, " no password is asked for: a key without one, or an agent, is needed"),
        ("Could not resolve hostname", .unreachable, ""),
        ("onnection refused", .unreachable, ""),
        ("onnection timed out", .unreachable, ""),
        ("o route to host", .unreachable, ""),
    ]
}
