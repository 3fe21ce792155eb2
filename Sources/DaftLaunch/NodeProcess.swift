// The start of `daft node`: reads its order from standard input, starts itself again detached from terminal and ssh,
// forwards the one line with which the new process reports, and ends. The starter keeps standard input open until then;
// an earlier end of file ends the node.

import CLinux
import DaftLink
import DaftModel
import DaftWire
import Glibc

private let longestOrderBytes = 1 << 20

/// The whole of `daft node` (`body` is then not called) or, with `detached`, of the process it starts. Returns the exit
/// status. Must be called first in a process.
public func beginNode(detached: Bool, _ body: (NodeOrder, NodeReporter) -> Int32) -> Int32 {
    linux_name_thread("daft-node")
    if detached {
        linux_close_from(3)
        _ = chdir("/")
    }
    do throws(Failure) {
        let order = try readOrder()
        if !detached { return try startAnew(arranged(order)) }
        return body(order, NodeReporter(order.rank))
    } catch {
        _ = writeAll(Array(NodeMessage.failed(error).line.utf8), to: STDOUT_FILENO)
        return 1
    }
}

/// Starts a node on this machine.
public func startHere(_ order: NodeOrder, patienceSeconds: Int = 20, until wake: Int32 = -1) -> Launcher.Outcome {
    Glibc.signal(SIGPIPE, SIG_IGN)
    do throws(Failure) {
        let child = try Child([OwnProgram.path, "node"], called: "daft", .group, errors: .piped)
        let talk = NodeDialogue(
            child, order, program: nil, patienceMilliseconds: patienceSeconds * 1_000, until: wake)
        return talk.run()
    } catch {
        return .failure(error)
    }
}

/// Ends a node on this machine and waits; false if it keeps running.
public func endHere(_ report: NodeReport) -> Bool {
    let process = pid_t(report.pid)
    kill(process, SIGTERM)
    let deadline = Deadline(inMilliseconds: 10_000)
    while kill(process, 0) == 0, !isZombie(process) {
        if deadline.isOver { return false }
        usleep(5_000)
    }
    return true
}

/// Whether a process has ended but has not been waited for.
private func isZombie(_ process: pid_t) -> Bool {
    let file = open("/proc/\(process)/stat", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return true }
    defer { close(file) }
    var text = [UInt8](repeating: 0, count: 256)
    let count = read(file, &text, text.count)
    return String(decoding: text.prefix(max(0, count)), as: UTF8.self).contains(") Z ")
}

private func readOrder() throws(Failure) -> NodeOrder {
    do throws(Malformed) {
        var head = ByteReader(readBytes(4))
        let length = try head.count()
        guard length <= longestOrderBytes else { throw Malformed("length of an order", at: 0) }
        return try NodeOrder(decoding: readBytes(length))
    } catch {
        throw Failure(.malformed, [], "no order for a node on standard input: \(error.what) at \(error.offset)")
    }
}

/// Reads at most `length` bytes of standard input, and nothing beyond.
private func readBytes(_ length: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: length)
    var count = 0
    while count < length {
        let got = bytes.withUnsafeMutableBytes { read(STDIN_FILENO, $0.baseAddress! + count, length - count) }
        if got > 0 {
            count += got
        } else if got == 0 || errno != EINTR {
            break
        }
    }
    return Array(bytes[..<count])
}

// MARK: the first process

private func startAnew(_ order: NodeOrder) throws(Failure) -> Int32 {
    Glibc.signal(SIGPIPE, SIG_IGN)
    let child = try Child([OwnProgram.path, "node", "--detached"], called: "daft", .session, errors: .inherited)
    // The pipe's buffer has room for it.
    _ = writeAll(order.framed, to: child.input)
    child.closeInput()
    return try relay(child)
}

private func relay(_ child: Child) throws(Failure) -> Int32 {
    var reader = LineReader(longestBytes: longestOrderBytes * 4)
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while true {
        var files = [
            pollfd(fd: child.output, events: Int16(POLLIN), revents: 0),
            pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0),
        ]
        if poll(&files, 2, -1) < 0 { continue }
        if files[1].revents != 0, read(STDIN_FILENO, &buffer, buffer.count) == 0 {
            // The starter has gone.
            child.signal(SIGTERM)
            return 1
        }
        if files[0].revents == 0 { continue }
        let count = read(child.output, &buffer, buffer.count)
        if count == 0 { break }
        for line in reader.lines(buffer.prefix(max(0, count))) {
            if let word = NodeMessage(line: line) { return pass(word, of: child) }
        }
    }
    let ended = child.end(withinMilliseconds: 1_000)
    throw Failure(.failed, [], "the node began and was gone: " + (ended?.description ?? "it closed its output"))
}

private func pass(_ word: NodeMessage, of child: Child) -> Int32 {
    guard case .ready = word else {
        _ = writeAll(Array(word.line.utf8), to: STDOUT_FILENO)
        return 1
    }
    if writeAll(Array(word.line.utf8), to: STDOUT_FILENO) { return 0 }
    child.signal(SIGTERM)
    return 1
}
