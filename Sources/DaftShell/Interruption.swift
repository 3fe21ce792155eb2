// Interruption by SIGINT, SIGTERM or SIGHUP, sent to this process or by a client. The first cancels the running
// command, so that stores close in order; a second one to this process ends it at once. A dedicated thread receives
// them, so that the code is not restricted to async-signal-safe calls.

import DaftLink
import DaftModel
import Glibc
import Synchronization

public final class Interruption: Sendable {
    private struct State {
        var signal: Int32?
        /// The rank that performs the command ends; the user sent no signal.
        var isEndOfServer = false
        var cancel: (@Sendable (Int32) -> Void)?
        /// Further SIGTERMs are ignored.
        var isPatient = false
    }

    private let state = Mutex(State())
    /// Readable from the first signal on, until `forget`.
    public let wake: Int32
    private let poke: Int32

    public init() {
        var pipes: [Int32] = [-1, -1]
        pipe(&pipes)
        for end in pipes { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        (wake, poke) = (pipes[0], pipes[1])
    }

    deinit {
        close(wake)
        close(poke)
    }

    /// Handles this process's signals. Create it before any other thread: it blocks them for all later threads.
    public static func ofProcess() -> Interruption {
        Glibc.signal(SIGPIPE, SIG_IGN)
        // Writes beyond `ulimit -f` then fail with an error.
        Glibc.signal(SIGXFSZ, SIG_IGN)
        let interruption = Interruption()
        let signals = blockedSignals()
        _ = OwnThread("daft-signals") {
            var signals = signals
            var number: Int32 = 0
            while sigwait(&signals, &number) == 0 {
                if !interruption.take(number) { _exit(128 + number) }
            }
        }
        return interruption
    }

    /// The signal received, if any.
    public var signal: Int32? { state.withLock { $0.signal } }

    /// Whether the command ends because its rank ends.
    var isEndOfServer: Bool { state.withLock { $0.isEndOfServer } }

    /// The exit status after a signal or the end of the serving rank.
    public var exitStatus: Int32? {
        state.withLock { state in
            state.isEndOfServer ? Failure.Kind.unreachable.exitStatus : state.signal.map { 128 + $0 }
        }
    }

    /// Ctrl-C at a prompt ends the command, not the program.
    var isForOneCommand: Bool { signal == SIGINT }

    /// Why the command was stopped.
    var reason: String {
        if isEndOfServer { return "stopped: the daft that served it has ended" }
        return switch signal {
        case SIGINT: "stopped by SIGINT"
        case SIGTERM: "stopped by SIGTERM"
        default: "stopped by SIGHUP"
        }
    }

    /// Calls `cancel` on a signal during `body`; at once if there was one before.
    public func cancelling<T>(_ cancel: @escaping @Sendable (Int32) -> Void, _ body: () async -> T) async -> T {
        let early = state.withLock { state in
            state.cancel = cancel
            return state.signal
        }
        if let early { cancel(early) }
        defer { state.withLock { $0.cancel = nil } }
        return await body()
    }

    /// Calls `body` on a signal; at once if there was one before.
    public func onSignal(_ body: @escaping @Sendable () -> Void) {
        let isEarly = state.withLock { state in
            state.cancel = { _ in body() }
            return state.signal != nil
        }
        if isEarly { body() }
    }

    /// Ctrl-C at a prompt applies to one command only.
    func forget() {
        let had = state.withLock { state in
            defer { (state.signal, state.isEndOfServer) = (nil, false) }
            return state.signal != nil
        }
        var byte: UInt8 = 0
        if had { _ = read(wake, &byte, 1) }
    }

    /// Ignores further SIGTERMs, since batch systems send several.
    func ignoreFurtherTerms() { state.withLock { $0.isPatient = true } }

    /// The serving rank ends, and its command with it, as by SIGTERM.
    public func takeEndOfServer() { take(SIGTERM, isEndOfServer: true) }

    /// Returns false for a further signal, which ends the process.
    @discardableResult
    public func take(_ number: Int32) -> Bool { take(number, isEndOfServer: false) }

    @discardableResult
    private func take(_ number: Int32, isEndOfServer: Bool) -> Bool {
        let (isFirst, cancel, isPatient) = state.withLock { state in
            let isFirst = state.signal == nil
            if isFirst { (state.signal, state.isEndOfServer) = (number, isEndOfServer) }
            return (isFirst, state.cancel, state.isPatient)
        }
        guard isFirst else { return isPatient && number == SIGTERM }
        var byte: UInt8 = 0
        _ = Glibc.write(poke, &byte, 1)
        cancel?(number)
        return true
    }
}

/// Blocks terminating signals for this and later threads, except those that the parent set to be ignored.
private func blockedSignals() -> sigset_t {
    var signals = sigset_t()
    sigemptyset(&signals)
    for number in [SIGINT, SIGTERM, SIGHUP] {
        var action = sigaction()
        sigaction(number, nil, &action)
        let handler = unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
        if handler != unsafeBitCast(SIG_IGN, to: Int.self) { sigaddset(&signals, number) }
    }
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    return signals
}
