// The processes that `daft-run job` starts in sequence, and the signals that end a job. Each leads its own process
// group, so that terminal signals such as Ctrl-C reach it only through this process.

import DaftCommand
import DaftLink
import DaftModel
import Glibc

final class JobSteps {
    /// SIGINT, SIGTERM, SIGHUP and SIGCHLD: blocked, and received by `wait`.
    private var signals = sigset_t()
    /// The signal that ends this job, and when it arrived.
    private(set) var endSignal: (signal: Int32, at: UInt64)?
    private var running: Set<pid_t> = []

    init() {
        sigemptyset(&signals)
        for number in [SIGINT, SIGTERM, SIGHUP, SIGCHLD] {
            var action = sigaction()
            sigaction(number, nil, &action)
            let handler = unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
            if handler != unsafeBitCast(SIG_IGN, to: Int.self) { sigaddset(&signals, number) }
        }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
    }

    /// Starts a program. It inherits standard input unless that is a terminal, from which background groups must not
    /// read.
    func start(_ words: [[UInt8]], readsInput: Bool = false, isMute: Bool = false) throws(Failure) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        if !readsInput || isatty(STDIN_FILENO) == 1 {
            posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        }
        if isMute {
            for file in [STDOUT_FILENO, STDERR_FILENO] {
                posix_spawn_file_actions_addopen(&actions, file, "/dev/null", O_WRONLY, 0)
            }
        }
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
        let arguments = words.map { word in withCString(word) { strdup($0) } }
        defer { for argument in arguments { free(argument) } }
        var process = pid_t()
        let code = withCString(words[0]) {
            posix_spawnp(&process, $0, &actions, &attributes, arguments + [nil], environ)
        }
        if code != 0 { throw Failure(.failed, words[0], String(cString: strerror(code))) }
        running.insert(process)
        return process
    }

    /// The exit status of a process, as in a shell. Nil at the deadline and, if `heedsSignals`, once this job is
    /// signalled.
    func wait(for process: pid_t, until deadline: UInt64 = .max, heedsSignals: Bool = true) -> Int32? {
        while true {
            var raw: Int32 = 0
            let ended = waitpid(process, &raw, WNOHANG)
            if ended == process {
                running.remove(process)
                return raw & 0x7f == 0 ? raw >> 8 & 0xff : 128 + raw & 0x7f
            }
            if ended < 0, errno != EINTR { return 1 }
            takeSignal(milliseconds: deadline == 0 ? 0 : 100)
            if heedsSignals && endSignal != nil || monotonicMilliseconds() >= deadline { return nil }
        }
    }

    /// Whether a process of this job is still running.
    func isRunning(_ process: pid_t) -> Bool { wait(for: process, until: 0, heedsSignals: false) == nil }

    func signal(_ process: pid_t, _ number: Int32) { if running.contains(process) { kill(-process, number) } }

    /// Waits for a signal. A second SIGINT kills this process and all its children.
    private func takeSignal(milliseconds: Int) {
        var time = timespec(tv_sec: 0, tv_nsec: milliseconds * 1_000_000)
        let number = sigtimedwait(&signals, nil, &time)
        guard number > 0, number != SIGCHLD else { return }
        if endSignal == nil {
            endSignal = (number, monotonicMilliseconds())
        } else if number == SIGINT {
            endAll()
            _exit(128 + SIGINT)
        }
    }

    func endAll() { for process in running { kill(-process, SIGKILL) } }
}

func monotonicMilliseconds() -> UInt64 { UInt64(monotonicNow() / 1_000_000) }
