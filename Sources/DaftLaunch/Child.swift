// A child process with piped or inherited standard files.

import CLinux
import DaftModel
import Glibc

/// Not thread-safe.
final class Child {
    /// Whether a standard file is a pipe to this process or inherited.
    enum Standard { case piped, inherited }

    /// Whether it leads a process group, which can be signalled as a whole, or a session, detached from any terminal.
    enum Detachment { case group, session }

    let process: pid_t
    /// Our ends of the pipes; -1 if inherited.
    private(set) var input: Int32
    private(set) var output: Int32
    private(set) var errors: Int32
    private var status: Int32?

    /// Starts `words`; the first is a path or is looked up in PATH. `name` replaces it in messages. Signal dispositions
    /// are the defaults.
    init(
        _ words: [String], called name: String? = nil, _ detachment: Detachment, errors: Standard
    ) throws(Failure) {
        let pipes = try Pipes(errors == .piped ? 3 : 2)
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        for (file, end) in pipes.theirs.enumerated() { posix_spawn_file_actions_adddup2(&actions, end, Int32(file)) }
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        let own = detachment == .session ? linux_spawn_new_session : Int16(POSIX_SPAWN_SETPGROUP)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF) | own)
        let arguments = ([name ?? words[0]] + words.dropFirst()).map { (word: String) in strdup(word) }
        defer { for argument in arguments { free(argument) } }
        var process = pid_t()
        let code = posix_spawnp(&process, words[0], &actions, &attributes, arguments + [nil], environ)
        pipes.closeTheirs()
        guard code == 0 else {
            pipes.closeOurs()
            throw Failure(.failed, words[0].utf8, code == ENOENT ? "there is no such program" : text(of: code))
        }
        self.process = process
        (input, output) = (pipes.ours[0], pipes.ours[1])
        self.errors = errors == .piped ? pipes.ours[2] : -1
    }

    deinit {
        closeInput()
        closeOutputs()
    }

    func closeInput() {
        if input >= 0 { close(input) }
        input = -1
    }

    func closeOutputs() {
        if output >= 0 { close(output) }
        if errors >= 0 { close(errors) }
        (output, errors) = (-1, -1)
    }

    func closeErrors() {
        if errors >= 0 { close(errors) }
        errors = -1
    }

    /// Signals the whole process group.
    func signal(_ number: Int32) { if status == nil { kill(-process, number) } }

    /// Waits for the end, at most this long; nil if it is still running.
    func end(withinMilliseconds milliseconds: Int) -> Ended? {
        let deadline = Deadline(inMilliseconds: milliseconds)
        while status == nil {
            var raw: Int32 = 0
            switch waitpid(process, &raw, WNOHANG) {
            case process: status = raw
            case 0 where deadline.isOver: return nil
            case 0: usleep(2_000)
            default: if errno != EINTR { status = 0 }
            }
        }
        return status.map(Ended.init(raw:))
    }

    /// Waits for the end; after the timeout sends SIGTERM, then SIGKILL.
    func finish(patienceMilliseconds: Int) {
        closeInput()
        for number in [SIGTERM, SIGKILL] {
            if end(withinMilliseconds: patienceMilliseconds) != nil { return }
            signal(number)
        }
        _ = end(withinMilliseconds: patienceMilliseconds)
    }
}

/// How a process ended.
enum Ended: Hashable, Sendable, CustomStringConvertible {
    case status(Int32)
    case signal(Int32)

    init(raw: Int32) { self = raw & 0x7f == 0 ? .status(raw >> 8 & 0xff) : .signal(raw & 0x7f) }

    var description: String {
        switch self {
        case .status(let status): "it ended with status \(status)"
        case .signal(let number): "it was ended by signal \(number)"
        }
    }
}

/// Pipes for a child's standard files, from 0 on: the first leads to it, the others from it. Our ends are non-blocking
/// and close-on-exec.
private struct Pipes {
    private(set) var theirs: [Int32] = []
    private(set) var ours: [Int32] = []

    init(_ count: Int) throws(Failure) {
        for file in 0..<count {
            var ends: [Int32] = [-1, -1]
            guard linux_pipe(&ends) == 0 else {
                let reason = text(of: errno)
                closeTheirs()
                closeOurs()
                throw Failure(.failed, [], "no pipe: \(reason)")
            }
            theirs.append(ends[file == 0 ? 0 : 1])
            ours.append(ends[file == 0 ? 1 : 0])
            _ = fcntl(ours[file], F_SETFL, O_NONBLOCK)
        }
    }

    func closeTheirs() { for end in theirs { close(end) } }
    func closeOurs() { for end in ours { close(end) } }
}

func text(of code: Int32) -> String { String(cString: strerror(code)) }
