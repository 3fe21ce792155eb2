// Synchronization between tasks of a loop: condition, event and semaphore.

import Synchronization

/// A condition variable; waiters check their predicate again. An actor of the loop cannot miss a notification made on
/// the loop; other callers must read `edition` before the check and wait for a later one.
public final class Condition: Sendable {
    private typealias Waiter = (continuation: UnsafeContinuation<Bool, Never>, alarm: Alarm?)

    private struct State {
        var waiters: [UInt64: Waiter] = [:]
        var made: UInt64 = 0
        var edition: UInt64 = 0
    }

    private let loop: any Loop
    private let state = Mutex(State())

    /// The number of notifications.
    public var edition: UInt64 { state.withLock { $0.edition } }

    public init(on loop: any Loop) { self.loop = loop }

    /// True if notified, or if it has been since `edition`; false at the deadline.
    @discardableResult
    public func wait(until deadline: Nanoseconds, after edition: UInt64? = nil) async -> Bool {
        await withUnsafeContinuation { continuation in
            let number: UInt64? = state.withLock { state in
                if let edition, state.edition != edition { return nil }
                state.made += 1
                state.waiters[state.made] = (continuation, nil)
                return state.made
            }
            guard let number else { return continuation.resume(returning: true) }
            let alarm = loop.alarm(at: deadline) { [self] in expire(number) }
            state.withLock { $0.waiters[number]?.alarm = alarm }
        }
    }

    public func notify() {
        let waiters = state.withLock { state in
            defer { state.waiters = [:] }
            state.edition += 1
            return state.waiters.sorted { $0.key < $1.key }.map(\.value)
        }
        for waiter in waiters {
            if let alarm = waiter.alarm { loop.cancel(alarm) }
            waiter.continuation.resume(returning: true)
        }
    }

    private func expire(_ number: UInt64) {
        let waiter = state.withLock { $0.waiters.removeValue(forKey: number) }
        waiter?.continuation.resume(returning: false)
    }
}

/// A one-time event that can be polled or awaited.
public final class Event: Sendable {
    private struct State {
        var waiting: [UnsafeContinuation<Void, Never>] = []
    }

    private let hasHappened = Atomic(false)
    private let state = Mutex(State())

    public init() {}

    public var isSet: Bool { hasHappened.load(ordering: .acquiring) }

    public func set() {
        let waiting = state.withLock { state in
            defer { state.waiting = [] }
            hasHappened.store(true, ordering: .releasing)
            return state.waiting
        }
        for one in waiting { one.resume() }
    }

    public func wait() async {
        await withUnsafeContinuation { continuation in
            let isDone = state.withLock { state in
                if !isSet { state.waiting.append(continuation) }
                return isSet
            }
            if isDone { continuation.resume() }
        }
    }
}

/// A fair counting semaphore.
public final class AsyncSemaphore: Sendable {
    private struct State {
        var free: Int
        var waiting: [UnsafeContinuation<Void, Never>] = []
    }

    private let width: Int
    private let state: Mutex<State>

    public init(width: Int) {
        self.width = width
        state = Mutex(State(free: width))
    }

    public func enter() async {
        await withUnsafeContinuation { continuation in
            let isIn = state.withLock { state in
                if state.free > 0 {
                    state.free -= 1
                    return true
                }
                state.waiting.append(continuation)
                return false
            }
            if isIn { continuation.resume() }
        }
    }

    public func leave() {
        let next = state.withLock { state -> UnsafeContinuation<Void, Never>? in
            if state.waiting.isEmpty {
                state.free += 1
                return nil
            }
            return state.waiting.removeFirst()
        }
        next?.resume()
    }

    /// Waits until all permits have been returned. One caller at a time.
    public func drain() async {
        for _ in 0..<width { await enter() }
        for _ in 0..<width { leave() }
    }
}
