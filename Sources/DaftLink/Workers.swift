// The few threads that disk, hashing and SQLite run on, so that the loop never blocks. How much is queued is bounded
// by whoever asks: each piece of work holds a slab, or is one of a window.

/// Runs blocking work off the loop.
public final class Workers: @unchecked Sendable {
    /// Has work done soon, in any order.
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

    /// Somebody else has the threads: a simulation, which runs one of them at a time.
    public init(startedBy starter: @escaping Starter) {
        self.starter = starter
    }

    /// What is queued is done before; what comes later is done at once by whoever asks.
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

    /// Runs work that nobody waits for here.
    public func start(_ work: @escaping @Sendable () -> Void) {
        if let starter { return starter(work) }
        if !push(work) { work() }
    }

    /// False at the end, when nobody would do it any more.
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
            // The queue lets go of the work, and of the slab that it holds, at once.
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
