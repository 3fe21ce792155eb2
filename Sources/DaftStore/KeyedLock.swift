// One lock per key, made when it is wanted. Calls that change the same content exclude one another, all others go on
// side by side: a content's record in the ledger and its files only change together under its lock.

import Glibc

/// Who decides which thread that uses a store goes on. By default the kernel does, and a thread sleeps while what it
/// wants is taken. A simulation, in which one thread runs at a time, decides by itself.
public protocol StoreScheduler: Sendable {
    /// Called before the ledger is used and before a check looks at a file: another thread may come first.
    func pass()
    /// Returns when what `caller` wants is free, and it takes it at once. False: it goes on without, which is wrong; a
    /// simulation shows by this that it would find that out.
    func wait(for caller: StaticString, until isFree: @escaping @Sendable () -> Bool) -> Bool
    /// For what is done every so often.
    var now: ContinuousClock.Instant { get }
}

final class KeyedLock<Key: Hashable & Sendable>: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let released = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let turns: (any StoreScheduler)?
    // Guarded by the mutex.
    private var taken: Set<Key> = []

    init(_ turns: (any StoreScheduler)? = nil) {
        self.turns = turns
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(released, nil)
    }

    deinit {
        pthread_cond_destroy(released)
        pthread_mutex_destroy(mutex)
        released.deallocate()
        mutex.deallocate()
    }

    /// Runs `body` while nobody else has any of these keys. They are taken together, so two calls cannot lock each
    /// other out; for the same reason `body` must not take any here.
    func withLock<T, E: Error>(
        _ keys: Set<Key>, by caller: StaticString = #function, _ body: () throws(E) -> T
    ) throws(E) -> T {
        let isTaken = take(keys, by: caller)
        defer { if isTaken { release(keys) } }
        return try body()
    }

    private func take(_ keys: Set<Key>, by caller: StaticString) -> Bool {
        let mayTake = turns?.wait(for: caller) { [self] in isFree(keys) } ?? true
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
