// A loop without a network: a thread that runs jobs and alarms and otherwise sleeps.

public final class ThreadLoop: Loop, @unchecked Sendable {
    private let latch = Latch()
    // Guarded by the latch.
    private var jobs: [UnownedJob] = []
    private var alarms = AlarmQueue()
    private var isStopped = false
    private var thread: OwnThread?
    private let running = LoopThread()

    public init(name: String) {
        thread = OwnThread(name) { [unowned self] in run() }
    }

    /// Ends the thread after the queued jobs. The caller must not start anything afterwards.
    public func stop() {
        latch.locked {
            isStopped = true
            latch.wake()
        }
        thread?.join()
        thread = nil
    }

    /// Runs `body` on this loop and blocks the calling thread, which must be another one, until it ends.
    public func finish<T: Sendable>(_ body: @escaping @Sendable () async -> T) -> T {
        let ending = AwaitedResult<T>()
        start { ending.set(await body()) }
        return ending.wait()
    }

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        latch.locked {
            jobs.append(job)
            latch.wake()
        }
    }

    public func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

    public var now: Nanoseconds { monotonicNow() }

    public var isCurrent: Bool { running.isCurrent }

    public func alarm(at deadline: Nanoseconds, _ body: @escaping @Sendable () -> Void) -> Alarm {
        latch.locked {
            defer { latch.wake() }
            return alarms.set(at: deadline, body)
        }
    }

    public func cancel(_ alarm: Alarm) { latch.locked { alarms.cancel(alarm) } }

    private func run() {
        running.enter()
        while let (ready, due) = next() {
            for job in ready {
                job.runSynchronously(
                    isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
            }
            due?()
        }
    }

    /// Waits for the next jobs and alarm; nil when stopped.
    private func next() -> ([UnownedJob], (@Sendable () -> Void)?)? {
        latch.locked {
            while true {
                let due = alarms.due(at: now)
                if !jobs.isEmpty || due != nil {
                    defer { jobs.removeAll(keepingCapacity: true) }
                    return (jobs, due)
                }
                if isStopped { return nil }
                latch.wait(until: alarms.next)
            }
        }
    }
}

/// A result that a thread blocks for.
private final class AwaitedResult<T: Sendable>: @unchecked Sendable {
    private let latch = Latch()
    // Guarded by the latch.
    private var result: T?

    func set(_ result: T) {
        latch.locked {
            self.result = result
            latch.wake()
        }
    }

    func wait() -> T {
        latch.locked {
            while true {
                if let result { return result }
                latch.wait(until: nil)
            }
        }
    }
}
