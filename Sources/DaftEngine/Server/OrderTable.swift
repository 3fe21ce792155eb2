// The orders that a data server is executing, by number, with progress and outcome.

import DaftLink
import DaftModel
import DaftWire

actor OrderTable {
    private struct Running {
        let progressCounter: ProgressCounter
        let work: Task<Void, Never>
        var outcome: Outcome?
        var lastAsked: Nanoseconds
        var isDelivered = false
    }

    /// A delivered outcome may have been lost on the way; it stays available for this long.
    private static let deliveredMilliseconds = 2_000

    private static let firstWaitMilliseconds = 50
    private static let pollMilliseconds = 200

    private nonisolated let loop: any Loop
    private let orphanMilliseconds: Int
    private let changed: Condition
    private var running: [UInt64: Running] = [:]
    /// Starts at the current time, so that polls meant for an earlier process never match.
    private var made: UInt64

    init(on loop: any Loop, orphanMilliseconds: Int) {
        self.loop = loop
        self.orphanMilliseconds = orphanMilliseconds
        changed = Condition(on: loop)
        made = loop.now
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    func begin(_ body: @escaping @Sendable (ProgressCounter) async -> Outcome) async -> Reply {
        made += 1
        let number = made
        let progressCounter = ProgressCounter()
        let work = loop.start { [self] in
            let outcome = await body(progressCounter)
            await finish(number, outcome)
        }
        running[number] = Running(progressCounter: progressCounter, work: work, lastAsked: loop.now)
        loop.start { [self] in await watch(number) }
        return await answer(number, withinMilliseconds: OrderTable.firstWaitMilliseconds)
    }

    /// Starts an order that nobody polls; it runs to its end or until this rank stops.
    func run(_ body: @escaping @Sendable (ProgressCounter) async -> Outcome) {
        made += 1
        let number = made
        let progressCounter = ProgressCounter()
        let work = loop.start { [self] in
            _ = await body(progressCounter)
            await forget(number)
        }
        running[number] = Running(progressCounter: progressCounter, work: work, lastAsked: loop.now)
    }

    private func forget(_ number: UInt64) { running[number] = nil }

    func poll(_ number: UInt64) async -> Reply {
        await answer(number, withinMilliseconds: OrderTable.pollMilliseconds)
    }

    func cancel(_ number: UInt64) { running[number]?.work.cancel() }

    func cancelAll() {
        for task in running.values { task.work.cancel() }
    }

    private func finish(_ number: UInt64, _ outcome: Outcome) {
        running[number]?.outcome = outcome
        changed.notify()
    }

    /// The outcome stays until polls cease, in case an answer is lost.
    private func answer(_ number: UInt64, withinMilliseconds milliseconds: Int) async -> Reply {
        let deadline = loop.deadline(inMilliseconds: milliseconds)
        while true {
            running[number]?.lastAsked = loop.now
            guard let task = running[number] else {
                return .failed(
                    Failure(.stopped, [], "the order is not known, or was given up since nobody asked for it"))
            }
            if let outcome = task.outcome {
                running[number]?.isDelivered = true
                return .finished(outcome)
            }
            if loop.now >= deadline { return .working(task: number, task.progressCounter.now) }
            await changed.wait(until: deadline)
        }
    }

    /// Forgets an order that has not been polled for long; cancels it first if it is running.
    private func watch(_ number: UInt64) async {
        while let task = running[number] {
            let limit = task.isDelivered ? OrderTable.deliveredMilliseconds : orphanMilliseconds
            let patience = Nanoseconds(limit) * 1_000_000
            let idle = loop.now - task.lastAsked
            if idle >= patience {
                task.work.cancel()
                running[number] = nil
                return
            }
            let rest = min(Int((patience - idle) / 1_000_000) + 1, OrderTable.deliveredMilliseconds)
            await loop.sleep(milliseconds: rest)
        }
    }
}
