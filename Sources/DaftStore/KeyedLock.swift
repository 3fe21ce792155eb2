// A lock per key, created on demand. A content's ledger record and files change only under its lock; other contents
// proceed concurrently.

import Glibc

/// Thread scheduling of a store. By default threads block in the kernel; a simulation, which runs one thread at a time,
/// schedules them itself.
public protocol StoreScheduler: Sendable {
    /// A scheduling point before each use of the ledger and each file check.
    func pass()
    /// Blocks until `isFree`, which `caller` then acquires. False: continues without the lock; simulations use this to
    /// prove that they would detect the error.
    func wait(for caller: StaticString, until isFree: @escaping @Sendable () -> Bool) -> Bool
    /// Clock for periodic work.
    var now: ContinuousClock.Instant { get }
}

final class KeyedLock<Key: Hashable & Sendable>: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let released = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let scheduler: (any StoreScheduler)?
    // Guarded by the mutex.
    private var taken: Set<Key> = []

    init(_ scheduler: (any StoreScheduler)? = nil) {
        self.scheduler = scheduler
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(released, nil)
    }

    deinit {
        pthread_cond_destroy(released)
        pthread_mutex_destroy(mutex)
        released.deallocate()
        mutex.deallocate()
    }

    /// Runs `body` with exclusive use of all these keys. They are acquired together, which prevents deadlock; `body`
    /// must not acquire further keys.
    func withLock<T, E: Error>(
        _ keys: Set<Key>, by caller: StaticString = #function, _ body: () throws(E) -> T
    ) throws(E) -> T {
        let isTaken = take(keys, by: caller)
        defer { if isTaken { release(keys) } }
        return try body()
    }

    private func take(_ keys: Set<Key>, by caller: StaticString) -> Bool {
        let mayTake = scheduler?.wait(for: caller) { [self] in isFree(keys) } ?? true
        if !mayTake { return false }
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while !taken.isDisjoint(with: keys) { pthread_cond_wait(released, mutex) }
        taken.formUnion(keys)
        return true
    }

    private func isFree(_ keys: Set<Key>) -> Bool {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return taken.isDisjoint(with: keys)
    }

    private func release(_ keys: Set<Key>) {
        pthread_mutex_lock(mutex)
        taken.subtract(keys)
        pthread_cond_broadcast(released)
        pthread_mutex_unlock(mutex)
    }
}
