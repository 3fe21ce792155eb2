// A user's wish to end: SIGINT, SIGTERM or SIGHUP, to this process or from a client. The first cancels what is running,
// so that stores close in order; a second to this process ends it at once. They are taken by a thread of their own,
// never by a handler, so that nothing is forbidden there.

import DaftLink
import DaftModel
import Glibc
import Synchronization

public final class Interruption: Sendable {
    private struct State {
        var signal: Int32?
        /// The rank that performs the command ends: nobody sent a signal to whoever typed it.
        var isEndOfServer = false
        var cancel: (@Sendable (Int32) -> Void)?
        /// Further SIGTERMs are ignored.
        var isPatient = false
    }

    private let state = Mutex(State())
    /// Has something to read from the first signal on, until it is forgotten.
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

    /// By signals to this process. To be made before any other thread: they are blocked in all that come later.
    public static func ofProcess() -> Interruption {
        Glibc.signal(SIGPIPE, SIG_IGN)
        // A write beyond `ulimit -f` then fails, and is reported as any other.
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

    /// The signal that came in, if one did.
    public var signal: Int32? { state.withLock { $0.signal } }

    /// Whether what ends the command is the end of the rank that performs it.
    var isEndOfServer: Bool { state.withLock { $0.isEndOfServer } }

    /// What a program ends with that a signal ended, or the end of the rank that served it.
    public var exitStatus: Int32? {
        state.withLock { state in
            state.isEndOfServer ? Failure.Kind.unreachable.exitStatus : state.signal.map { 128 + $0 }
        }
    }

    /// Ctrl-C at a prompt ends the command, not the program.
    var isForOneCommand: Bool { signal == SIGINT }

    /// What stopped the command.
    var reason: String {
        if isEndOfServer { return "stopped: the daft that served it has ended" }
        return switch signal {
        case SIGINT: "stopped by SIGINT"
        case SIGTERM: "stopped by SIGTERM"
        default: "stopped by SIGHUP"
        }
    }

    /// Until `body` ends a signal calls `cancel`; at once if one was there before.
    public func cancelling<T>(_ cancel: @escaping @Sendable (Int32) -> Void, _ body: () async -> T) async -> T {
        let early = state.withLock { state in
            state.cancel = cancel
            return state.signal
        }
        if let early { cancel(early) }
        defer { state.withLock { $0.cancel = nil } }
        return await body()
    }

    /// From now on a signal calls `body`; at once if one was there before.
    public func onSignal(_ body: @escaping @Sendable () -> Void) {
        let isEarly = state.withLock { state in
            state.cancel = { _ in body() }
            return state.signal != nil
        }
        if isEarly { body() }
    }

    /// At a prompt Ctrl-C is for one command only.
    func forget() {
        let had = state.withLock { state in
            defer { (state.signal, state.isEndOfServer) = (nil, false) }
            return state.signal != nil
        }
        var byte: UInt8 = 0
        if had { _ = read(wake, &byte, 1) }
    }

    /// From now on a second SIGTERM does not end this process at once: batch systems send several.
    func endureFurtherTerms() { state.withLock { $0.isPatient = true } }

    /// The rank that performs the command ends, and the command with it, as by SIGTERM.
    public func takeEndOfServer() { take(SIGTERM, isEndOfServer: true) }

    /// False where it is not the first, and ends the process.
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

/// Blocks, for this thread and those it starts, the signals that end a program, but for those that whoever started us
/// wants ignored.
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
