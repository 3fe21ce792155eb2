// Time and order of a simulated cluster: every rank has a queue and workers of its own, as a process has, and a seed
// says whose turn it is. One thread runs at a time: that of all loops, or one of a worker (Strands.swift). When nothing
// is ready, time jumps to the next alarm.

import DaftLink
import Glibc
import Synchronization
import TestDisk

/// Why a simulation did not come to its end.
enum Halt: Error, CustomStringConvertible {
    /// Nothing is ready, no alarm is set, and what was waited for has not come; and who waits for a lock.
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
    /// What a step costs: whoever only looks at the clock gets somewhere.
    private static let stepNanoseconds: Nanoseconds = 2_000

    private struct State: ~Copyable {
        var now: Nanoseconds = 1_000_000_000
        var alarms = AlarmQueue()
        var loops: [SimulatedLoop] = []
        var workers: [SimulatedWorkers] = []
        /// Who runs now; nil: the thread of the loops.
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
    /// How often something came from another thread: work that escaped from its loop.
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

    /// Whose thread is calling; nil: that of the loops.
    var strand: Strand? { state.withLock { $0.strand } }

    func resume(_ strand: Strand) {
        state.withLock { $0.strand = strand }
        strand.resume()
        state.withLock { $0.strand = nil }
    }

    func noteCaller() {
        let isKnown = strand?.isCalling ?? (pthread_equal(pthread_self(), thread) != 0)
        if !isKnown { state.withLock { $0.strangers += 1 } }
    }

    func number(below limit: UInt64) -> UInt64 { state.withLock { $0.random.next() % limit } }

    /// A loop may not wait, for no network is looked at meanwhile: that counts as a stranger's deed.
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

    /// Runs until `isOver`, looked at between steps.
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

    /// One job, a strand up to where it gives the baton back, or one alarm; false if there is nothing of it.
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

/// The loop of one life of one rank. A dead one runs nothing any more.
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

    /// What is queued or will be is never run, as when a process is killed.
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

    func alarm(at deadline: Nanoseconds, _ body: @escaping @Sendable () -> Void) -> Alarm {
        time.noteCaller()
        return time.alarm(at: deadline) { [self] in
            if !isDead { body() }
        }
    }

    func cancel(_ alarm: Alarm) { time.cancel(alarm) }
}
