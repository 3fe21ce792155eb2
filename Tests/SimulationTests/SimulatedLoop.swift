// Time and order of a simulated cluster: every rank has a queue of its own, as a process has, and a seed says whose
// turn it is. One thread runs all of it. When nothing is ready, time jumps to the next alarm.

import DaftLink
import Glibc
import Synchronization
import TestDisk

/// Why a simulation did not come to its end.
enum Halt: Error, CustomStringConvertible {
    /// Nothing is ready, no alarm is set, and what was waited for has not come.
    case hang
    case late(milliseconds: Int)
    case endless(steps: Int)

    var description: String {
        switch self {
        case .hang: "a hang: nothing is ready and no alarm is set"
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
        var alarms = AlarmClock()
        var loops: [SimulatedLoop] = []
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

    func noteCaller() {
        if pthread_equal(pthread_self(), thread) == 0 { state.withLock { $0.strangers += 1 } }
    }

    func alarm(at deadline: Nanoseconds, _ body: @escaping @Sendable () -> Void) -> Alarm {
        state.withLock { $0.alarms.set(at: deadline, body) }
    }

    func cancel(_ alarm: Alarm) { state.withLock { $0.alarms.cancel(alarm) } }

    /// Runs until `isOver`, looked at between steps.
    func run(limitMilliseconds: Int, limitSteps: Int, until isOver: () -> Bool) throws {
        let (begin, first) = state.withLock { ($0.now, $0.steps) }
        while !isOver() {
            guard step() else { throw Halt.hang }
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
        } catch Halt.hang {
            return
        }
    }

    /// One job, or one alarm; false if there is neither.
    private func step() -> Bool {
        let next = state.withLock { state -> (loop: SimulatedLoop?, alarm: (@Sendable () -> Void)?) in
            let ready = state.loops.filter(\.isReady)
            if ready.isEmpty, let deadline = state.alarms.next { state.now = max(state.now, deadline) }
            let now = state.now
            if let alarm = state.alarms.due(at: now) { return (nil, alarm) }
            guard !ready.isEmpty else { return (nil, nil) }
            state.steps += 1
            state.now += SimulatedTime.stepNanoseconds
            return (ready[Int(state.random.next() % UInt64(ready.count))], nil)
        }
        next.loop?.runFirst()
        next.alarm?()
        return next.loop != nil || next.alarm != nil
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
