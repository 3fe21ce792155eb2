// The threads for disk I/O, hashing and SQLite, so that the loop never blocks. The callers bound the queue: each job
// holds a slab or is part of a window.

/// Runs blocking work off the loop.
public final class Workers: @unchecked Sendable {
    /// Schedules work in any order.
    public typealias Starter = @Sendable (_ work: @escaping @Sendable () -> Void) -> Void

    private let latch = Latch()
    // Guarded by the latch.
    private var queue: [(@Sendable () -> Void)?] = []
    private var head = 0
    private var isStopped = false
    private let starter: Starter?
    private var threads: [OwnThread] = []

    public init(threads count: Int, name: String) {
        starter = nil
        threads = (0..<count).map { i in OwnThread("\(name)-\(i)") { [unowned self] in run() } }
    }

    /// Uses another scheduler instead of threads: simulations run one job at a time.
    public init(startedBy starter: @escaping Starter) {
        self.starter = starter
    }

    /// Finishes queued work; later work runs at once on the caller's thread.
    public func stop() {
        latch.locked {
            isStopped = true
            latch.wakeAll()
        }
        for thread in threads { thread.join() }
        threads = []
    }

    public func run<T: Sendable, E: Error>(_ work: @escaping @Sendable () throws(E) -> T) async throws(E) -> T {
        let result: Result<T, E> = await withUnsafeContinuation { continuation in
            start { continuation.resume(returning: attempt(work)) }
        }
        return try result.get()
    }

    /// Runs work without waiting for it.
    public func start(_ work: @escaping @Sendable () -> Void) {
        if let starter { return starter(work) }
        if !push(work) { work() }
    }

    /// False after `stop`.
    private func push(_ work: @escaping @Sendable () -> Void) -> Bool {
        latch.locked {
            if isStopped { return false }
            queue.append(work)
            latch.wake()
            return true
        }
    }

    private func run() {
        while let work = next() { work() }
    }

    private func next() -> (@Sendable () -> Void)? {
        latch.locked {
            while head == queue.count {
                if isStopped { return nil }
                latch.wait(until: nil)
            }
            defer { advance() }
            // Take the job out of the queue, which otherwise would keep it and its slab alive.
            return queue[head].take()
        }
    }

    private func advance() {
        head += 1
        if head == queue.count || head > 1024 {
            queue.removeFirst(head)
            head = 0
        }
    }
}

private func attempt<T, E: Error>(_ work: () throws(E) -> T) -> Result<T, E> {
    do throws(E) { return .success(try work()) } catch { return .failure(error) }
}
