// One lock per key, made when it is wanted. Calls that change the same content exclude one another, all others go on
// side by side: a content's record in the ledger and its files only change together under its lock.

import Glibc

final class KeyedLock<Key: Hashable & Sendable>: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let released = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    // Guarded by the mutex.
    private var taken: Set<Key> = []

    init() {
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
    func withLock<T, E: Error>(_ keys: Set<Key>, _ body: () throws(E) -> T) throws(E) -> T {
        pthread_mutex_lock(mutex)
        while !taken.isDisjoint(with: keys) { pthread_cond_wait(released, mutex) }
        taken.formUnion(keys)
        pthread_mutex_unlock(mutex)
        defer {
            pthread_mutex_lock(mutex)
            taken.subtract(keys)
            pthread_cond_broadcast(released)
            pthread_mutex_unlock(mutex)
        }
        return try body()
    }
}
