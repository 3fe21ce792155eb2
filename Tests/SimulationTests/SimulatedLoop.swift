// Simulated time and scheduling: every rank has its own queue and workers, as a process does, and a seed decides what
// runs next. One thread runs at a time: the loops' thread, or a worker's (Strands.swift). If nothing is ready, time
// advances to the next alarm.

import DaftLink
import Glibc
import Synchronization
import TestDisk

/// Why a simulation did not finish.
enum Halt: Error, CustomStringConvertible {
    /// Nothing is ready, no alarm is set, and the awaited event has not happened; `waiting` lists lock waiters.
    case hang(waiting: [String])
    case late(milliseconds: Int)
    case endless(steps: Int)

    var description: String {
        switch self {
        case .hang([]): "a hang: nothing is ready and no alarm is set"
        case .hang(let waiting): "a hang: \(waiting.joined(separator: ", ")) wait for what is never free"
        case .late(let milliseconds): "not over after \(milliseconds) simulated milliseconds"
        case .endless(let steps): "not over after \(steps) steps"
        }
    }
}

final class SimulatedTime: Sendable {
    /// The time per step, so that busy waiting on the clock ends.
    private static let stepNanoseconds: Nanoseconds = 2_000

    private struct State: ~Copyable {
        var now: Nanoseconds = 1_000_000_000
        var alarms = AlarmQueue()
        var loops: [SimulatedLoop] = []
        var workers: [SimulatedWorkers] = []
        /// The running worker thread; nil: the loops' thread.
        var strand: Strand?
        var random: Sequence64
        var steps = 0
        var strangers = 0
    }

    private let state: Mutex<State>
    private let thread = pthread_self()

    init(seed: UInt64) { state = Mutex(State(random: Sequence64(seed))) }

    var now: Nanoseconds { state.withLock { $0.now } }
    var steps: Int { state.withLock { $0.steps } }
    /// The number of calls from unknown threads, that is, of work that escaped from its loop.
    var strangers: Int { state.withLock { $0.strangers } }

    func makeLoop() -> SimulatedLoop {
        let loop = SimulatedLoop(self)
        state.withLock { $0.loops.append(loop) }
        return loop
    }

    func makeWorkers(_ layout: Layout, _ flaws: Flaws) -> SimulatedWorkers {
        let workers = SimulatedWorkers(self, layout, flaws)
        state.withLock { $0.workers.append(workers) }
        return workers
    }

    func remove(_ workers: SimulatedWorkers) { state.withLock { $0.workers.removeAll { $0 === workers } } }

    /// The calling worker thread; nil: the loops' thread.
    var strand: Strand? { state.withLock { $0.strand } }

    func resume(_ strand: Strand) {
        state.withLock { $0.strand = strand }
        strand.resume()
        state.withLock { $0.strand = nil }
    }

    var isThreadOfLoops: Bool { pthread_equal(pthread_self(), thread) != 0 }

    func noteCaller() {
        let isKnown = strand?.isCalling ?? isThreadOfLoops
        if !isKnown { state.withLock { $0.strangers += 1 } }
    }

    func number(below limit: UInt64) -> UInt64 { state.withLock { $0.random.next() % limit } }

    /// A loop must not block, because it would not poll the network: counts as a violation.
    func waitOnLoop(until isFree: () -> Bool) -> Bool {
        while !isFree() {
            state.withLock { $0.strangers += 1 }
            guard let strand = state.withLock({ $0.workers.flatMap(\.ready).first }) else { return false }
            resume(strand)
        }
        return true
    }

    func alarm(at deadline: Nanoseconds, _ body: @escaping @Sendable () -> Void) -> Alarm {
        state.withLock { $0.alarms.set(at: deadline, body) }
    }

    func cancel(_ alarm: Alarm) { state.withLock { $0.alarms.cancel(alarm) } }

    /// Runs until `isOver`, which is checked between steps.
    func run(limitMilliseconds: Int, limitSteps: Int, until isOver: () -> Bool) throws {
        let (begin, first) = state.withLock { ($0.now, $0.steps) }
        while !isOver() {
            guard step() else { throw Halt.hang(waiting: state.withLock { $0.workers.flatMap(\.waiting) }) }
            let (now, steps) = state.withLock { ($0.now, $0.steps) }
            if now - begin > Nanoseconds(limitMilliseconds) * 1_000_000 {
                throw Halt.late(milliseconds: limitMilliseconds)
            }
            if steps - first > limitSteps { throw Halt.endless(steps: limitSteps) }
        }
    }

    /// Runs until nothing is left to do and no alarm is set.
    func settle(limitMilliseconds: Int, limitSteps: Int) throws {
        do {
            try run(limitMilliseconds: limitMilliseconds, limitSteps: limitSteps) { false }
        } catch Halt.hang(waiting: []) {
            return
        }
    }

    private enum Next {
        case job(SimulatedLoop)
        case strand(Strand)
        case alarm(@Sendable () -> Void)
    }

    /// Runs one job, worker step or alarm; false if there is none.
    private func step() -> Bool {
        switch state.withLock({ next(&$0) }) {
        case .job(let loop)?: loop.runFirst()
        case .strand(let strand)?: resume(strand)
        case .alarm(let body)?: body()
        case nil: return false
        }
        return true
    }

    private func next(_ state: inout State) -> Next? {
        // Plain loops: a debug build spends a sixth of a simulation here.
        var ready: [Next] = []
        for loop in state.loops where loop.isReady { ready.append(.job(loop)) }
        for workers in state.workers {
            for strand in workers.strands where strand.isReady { ready.append(.strand(strand)) }
        }
        if ready.isEmpty, let deadline = state.alarms.next { state.now = max(state.now, deadline) }
        if let alarm = state.alarms.due(at: state.now) { return .alarm(alarm) }
        guard !ready.isEmpty else { return nil }
        state.steps += 1
        state.now += SimulatedTime.stepNanoseconds
        return ready[Int(state.random.next() % UInt64(ready.count))]
    }
}

/// The loop of one process of one rank; after death it runs nothing.
final class SimulatedLoop: Loop {
    private struct State {
        var jobs: [UnownedJob] = []
        var isDead = false
    }

    let time: SimulatedTime
    private let state = Mutex(State())

    init(_ time: SimulatedTime) { self.time = time }

    var isReady: Bool { state.withLock { !$0.jobs.isEmpty } }
    var isDead: Bool { state.withLock { $0.isDead } }

    /// Drops queued and later jobs, as when a process is killed.
    func die() {
        state.withLock { state in
            state.isDead = true
            state.jobs = []
        }
    }

    func runFirst() {
        guard let job = state.withLock({ $0.jobs.isEmpty ? nil : $0.jobs.removeFirst() }) else { return }
        job.runSynchronously(isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
    }

    func enqueue(_ job: consuming ExecutorJob) {
        time.noteCaller()
        let job = UnownedJob(job)
        state.withLock { state in
            if !state.isDead { state.jobs.append(job) }
        }
    }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

    var now: Nanoseconds { time.now }

    var isCurrent: Bool { time.isThreadOfLoops }

    func alarm(at deadline: Nanoseconds, _ body: @escaping @Sendable () -> Void) -> Alarm {
        time.noteCaller()
        return time.alarm(at: deadline) { [self] in
            if !isDead { body() }
        }
    }

    func cancel(_ alarm: Alarm) { time.cancel(alarm) }
}
