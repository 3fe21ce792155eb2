// Dedicated threads. Not the cooperative pool, which has one thread per core and would be starved by blocking calls.

import CLinux
import Glibc
import Synchronization

/// A mutex with a condition variable.
public final class Latch: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    public init() {
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    public func locked<T>(_ body: () -> T) -> T {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }

    /// Inside `locked`: blocks until `wake` or the deadline.
    public func wait(until deadline: Nanoseconds?) {
        guard let deadline else {
            pthread_cond_wait(condition, mutex)
            return
        }
        var time = timespec(tv_sec: Int(deadline / 1_000_000_000), tv_nsec: Int(deadline % 1_000_000_000))
        pthread_cond_timedwait(condition, mutex, &time)
    }

    public func wake() { pthread_cond_signal(condition) }
    public func wakeAll() { pthread_cond_broadcast(condition) }
}

/// The monotonic clock.
public func monotonicNow() -> Nanoseconds {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Nanoseconds(time.tv_sec) * 1_000_000_000 + Nanoseconds(time.tv_nsec)
}

/// A thread that runs `body`; `join` waits for its end.
public final class OwnThread: @unchecked Sendable {
    private var handle = pthread_t()

    public init(_ name: String, _ body: @escaping @Sendable () -> Void) {
        let box = Unmanaged.passRetained(ThreadBody(name, body))
        let status = pthread_create(&handle, nil, { runThread($0) }, box.toOpaque())
        if status != 0 { OwnThread.giveUp(name, status) }
    }

    /// Without its threads the process cannot continue; say why it ends.
    private static func giveUp(_ name: String, _ code: Int32) -> Never {
        let reason = String(cString: strerror(code))
        let line = "daft: no thread can be started for \(name): \(reason): raise ulimit -u or ulimit -v\n"
        line.utf8.withContiguousStorageIfAvailable { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
        _exit(1)
    }

    public func join() { pthread_join(handle, nil) }
}

private final class ThreadBody: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(_ name: String, _ body: @escaping @Sendable () -> Void) {
        self.name = name
        self.body = body
    }
}

private func runThread(_ raw: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    let box = Unmanaged<ThreadBody>.fromOpaque(raw!).takeRetainedValue()
    linux_name_thread(box.name)
    _ = linux_use_all_processors()  // mpirun binds a rank, and so its threads, to one core
    box.body()
    return nil
}

/// The thread that runs a loop; none before `enter`.
struct LoopThread: ~Copyable {
    private let thread = Atomic<UInt>(0)

    func enter() { thread.store(pthread_self(), ordering: .relaxed) }

    var isCurrent: Bool { thread.load(ordering: .relaxed) == pthread_self() }
}
