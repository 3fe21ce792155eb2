// The event loop of a rank: a single-threaded executor and the clock for deadlines. Links implement it (MPI polls the
// network between jobs); tests use simulated time.

public typealias Nanoseconds = UInt64

public protocol Loop: SerialExecutor, TaskExecutor {
    /// Monotonic time.
    var now: Nanoseconds { get }

    /// Whether the calling thread is the one that runs this loop.
    var isCurrent: Bool { get }

    /// Calls `body` on the loop at `deadline`, unless cancelled.
    func alarm(at deadline: Nanoseconds, _ body: @escaping @Sendable () -> Void) -> Alarm
    func cancel(_ alarm: Alarm)
}

public struct Alarm: Hashable, Sendable {
    public let deadline: Nanoseconds
    public let number: UInt64

    public init(deadline: Nanoseconds, number: UInt64) {
        self.deadline = deadline
        self.number = number
    }
}

extension Loop {
    public func deadline(inMilliseconds milliseconds: Int) -> Nanoseconds {
        now + Nanoseconds(milliseconds) * 1_000_000
    }

    /// Every type confined to the loop calls this at its entry points: also from an alarm or a poll, which are not
    /// tasks.
    public func checkIsolated() { precondition(isCurrent, "this is only to be called on the loop") }

    /// Starts a task that runs on this loop.
    @discardableResult
    public func start<T: Sendable>(_ body: @escaping @Sendable () async -> T) -> Task<T, Never> {
        Task(executorPreference: self, operation: body)
    }

    public func sleep(milliseconds: Int) async {
        let deadline = deadline(inMilliseconds: milliseconds)
        await withUnsafeContinuation { continuation in
            _ = alarm(at: deadline) { continuation.resume() }
        }
    }
}
