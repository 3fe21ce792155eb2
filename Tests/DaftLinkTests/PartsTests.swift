// Building blocks of links and engine: slabs, semaphores, events, alarms, workers, loops.

import DaftLink
import DaftModel
import DaftWire
import Foundation
import Synchronization
import Testing

private final class Noted<T: Sendable>: Sendable {
    private let held = Mutex<[T]>([])
    func note(_ value: T) { held.withLock { $0.append(value) } }
    var all: [T] { held.withLock { $0 } }
}

/// Runs `body` on a separate loop.
private func onLoop<T: Sendable>(_ body: @escaping @Sendable (ThreadLoop) async -> T) async -> T {
    let loop = ThreadLoop(name: "test")
    defer { loop.stop() }
    return await loop.start { await body(loop) }.value
}

@Suite struct SlabTests {
    @Test func anEmptyPoolMakesTheNextOneWaitForAReturn() async {
        let noted = await onLoop { loop in
            let pool = SlabPool(totalBytes: 3 * 4096, slabBytes: 4096)
            let noted = Noted<String>()
            var held: [Slab] = []
            for _ in 0..<3 { held.append(await pool.take()) }
            let waiting = loop.start {
                let slab = await pool.take()
                noted.note("taken")
                return slab.byteCount
            }
            await loop.sleep(milliseconds: 20)
            noted.note("returned")
            held.removeLast()
            _ = await waiting.value
            return noted.all
        }
        #expect(noted == ["returned", "taken"])
    }

    @Test func whoWaitsIsServedInOrderAndALargeWishIsNotOvertaken() async {
        let order = await onLoop { loop in
            let pool = SlabPool(totalBytes: 4 * 4096, slabBytes: 4096)
            let noted = Noted<Int>()
            var held: [Slab] = []
            for _ in 0..<4 { held.append(await pool.take()) }
            let tasks = [3, 1, 2, 1].enumerated().map { index, slabs in
                loop.start {
                    let slab = await pool.take(slabs * 4096)
                    noted.note(index)
                    await loop.sleep(milliseconds: 5)
                    return slab.byteCount
                }
            }
            await loop.sleep(milliseconds: 10)
            while !held.isEmpty {
                held.removeLast()
                await loop.sleep(milliseconds: 2)
            }
            for task in tasks { _ = await task.value }
            return noted.all
        }
        #expect(order == [0, 1, 2, 3])
    }

    @Test func aSupplySaysWhenTheLastWhoSendsOfItLetsGo() async {
        let noted = Noted<String>()
        var supply = Supply(slab: await SlabPool(totalBytes: 4096, slabBytes: 4096).take(), states: [.sent])
        supply.onEnd { noted.note("gone") }
        var carriers = [supply.outgoingSlab, supply.outgoingSlab]
        supply = Supply(slab: nil, states: [.missing])
        carriers.removeLast()
        #expect(noted.all.isEmpty)
        carriers = []
        #expect(noted.all == ["gone"])
    }

    @Test func aWishLargerThanThePoolGetsAllOfIt() async {
        let pool = SlabPool(totalBytes: 10_000, slabBytes: 4096)
        let size = await pool.take(1 << 20).byteCount
        #expect(size == 10_000)
        let again = await pool.take()
        #expect(again.byteCount == 4096)
        #expect(again.withBytes { UInt(bitPattern: $0.baseAddress) } % UInt(SlabPool.alignment) == 0)
    }
}

@Suite struct WaitingTests {
    @Test func aGateLetsInSoManyAndDrainsWhenAllHaveLeft() async {
        let (most, left) = await onLoop { loop in
            let gate = AsyncSemaphore(width: 3)
            let inside = Noted<Int>()
            let count = Mutex(0)
            for _ in 0..<20 {
                await gate.enter()
                loop.start {
                    inside.note(
                        count.withLock {
                            $0 += 1; return $0
                        })
                    await loop.sleep(milliseconds: 1)
                    count.withLock { $0 -= 1 }
                    gate.leave()
                }
            }
            await gate.drain()
            return (inside.all.max(), count.withLock { $0 })
        }
        #expect(most == 3)
        #expect(left == 0)
    }

    @Test func aSignalWakesAllWhoWaitAndOthersAtTheirDeadline() async {
        let (woken, late) = await onLoop { loop in
            let signal = Condition(on: loop)
            let tasks = (0..<5).map { _ in
                loop.start { await signal.wait(until: loop.deadline(inMilliseconds: 10_000)) }
            }
            await loop.sleep(milliseconds: 5)
            signal.notify()
            var woken: [Bool] = []
            for task in tasks { woken.append(await task.value) }
            let start = loop.now
            let late = await signal.wait(until: loop.deadline(inMilliseconds: 20))
            return (woken, !late && loop.now - start >= 20_000_000)
        }
        #expect(woken == [true, true, true, true, true])
        #expect(late)
    }

    @Test func whoNotedTheEditionMissesNothingThatComesFromElsewhere() async {
        let (early, late) = await onLoop { loop in
            let signal = Condition(on: loop)
            let edition = signal.edition
            signal.notify()
            let early = await signal.wait(until: loop.deadline(inMilliseconds: 10_000), after: edition)
            let late = await signal.wait(until: loop.deadline(inMilliseconds: 20), after: signal.edition)
            return (early, late)
        }
        #expect(early && !late)
    }

    @Test func anActorOfTheLoopMissesNoNotificationBetweenLookingAndWaiting() async {
        let missed = await onLoop { loop in
            let looking = Looking(loop)
            return await looking.look(200)
        }
        #expect(missed == 0)
    }

    @Test func alarmsComeInTheOrderOfTheirDeadlinesAndCancelledOnesNot() {
        var clock = AlarmQueue()
        let noted = Noted<Int>()
        var generator = SystemRandomNumberGenerator()
        let deadlines = (0..<500).map { _ in UInt64.random(in: 1...100, using: &generator) }
        let alarms = deadlines.enumerated().map { index, deadline in clock.set(at: deadline) { noted.note(index) } }
        for alarm in alarms.prefix(400) where alarm.number % 2 == 0 { clock.cancel(alarm) }
        let expected = deadlines.indices.filter { !($0 < 400 && alarms[$0].number % 2 == 0) }
            .sorted { (deadlines[$0], $0) < (deadlines[$1], $1) }
        #expect(clock.next == expected.first.map { deadlines[$0] })
        while let due = clock.due(at: 100) { due() }
        #expect(noted.all == expected)
        #expect(clock.next == nil)
    }

    @Test func resultsAreTakenInOrderAndNoMoreThanTheWidthAreUnderWay() async {
        let (results, most) = await onLoop { loop in
            var next = 0
            var results: [Int] = []
            let running = Mutex((now: 0, most: 0))
            await loop.inOrder(width: 4) {
                next += 1
                return next <= 30 ? next : nil
            } work: { item in
                running.withLock { running in
                    running.now += 1
                    running.most = max(running.most, running.now)
                }
                await loop.sleep(milliseconds: item % 3 * 2)
                running.withLock { $0.now -= 1 }
                return item * 10
            } take: {
                results.append($0)
            }
            return (results, running.withLock { $0.most })
        }
        #expect(results == (1...30).map { $0 * 10 })
        #expect(most == 4)
    }

    @Test func aCancellationReachesWhatIsUnderWay() async {
        let seen = await onLoop { loop in
            let noted = Noted<Bool>()
            let task = loop.start {
                var next = 0
                await loop.inOrder(width: 3) {
                    next += 1
                    return next <= 3 ? next : nil
                } work: { _ in
                    while !Task.isCancelled { await loop.sleep(milliseconds: 1) }
                    noted.note(true)
                } take: { _ in
                }
            }
            await loop.sleep(milliseconds: 5)
            task.cancel()
            await task.value
            return noted.all.count
        }
        #expect(seen == 3)
    }
}

private actor Looking {
    private nonisolated let loop: ThreadLoop
    private var isThere = false

    init(_ loop: ThreadLoop) { self.loop = loop }

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    func look(_ rounds: Int) async -> Int {
        let changed = Condition(on: loop)
        var missed = 0
        for _ in 0..<rounds {
            isThere = false
            loop.start { [self] in
                await come()
                changed.notify()
            }
            while !isThere {
                if await !changed.wait(until: loop.deadline(inMilliseconds: 20)) { missed += 1 }
            }
        }
        return missed
    }

    private func come() { isThere = true }
}

@Suite struct ThreadTests {
    private struct Wrong: Error, Equatable {}

    @Test func workersDoEverythingOnceAndHandErrorsOn() async {
        let workers = Workers(threads: 3, name: "test")
        let done = Noted<Int>()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<2_000 { group.addTask { await workers.run { done.note(number) } } }
        }
        #expect(done.all.sorted() == Array(0..<2_000))
        await #expect(throws: Wrong()) { try await workers.run { () throws(Wrong) in throw Wrong() } }
        workers.stop()
    }

    @Test func workThatComesAfterTheEndIsDoneAllTheSame() async {
        for _ in 0..<50 {
            let workers = Workers(threads: 2, name: "test")
            let tasks = (0..<20).map { number in Task { await workers.run { number } } }
            let stop = Task.detached { workers.stop() }
            for (number, task) in tasks.enumerated() { #expect(await task.value == number) }
            await stop.value
            #expect(await workers.run { 7 } == 7)
        }
    }

    private final class Held: Sendable {}

    /// A job's resources are released when it is done, not when the queue is empty.
    @Test func aWorkerLetsGoOfWorkBeforeItTakesMore() {
        let workers = Workers(threads: 1, name: "test")
        let (begun, goOn) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let stop: @Sendable () -> Void = {
            begun.signal()
            goOn.wait()
        }
        weak var held: Held?
        workers.start(stop)
        begun.wait()
        do {
            let some = Held()
            held = some
            workers.start { withExtendedLifetime(some) {} }
        }
        workers.start(stop)
        workers.start {}
        #expect(held != nil)
        goOn.signal()
        begun.wait()
        #expect(held == nil, "the queue goes on, and what was done is still held")
        goOn.signal()
        workers.stop()
    }

    @Test func aLoopRunsWhatIsStartedInOrderOnOneThread() async {
        let order = await onLoop { loop in
            let noted = Noted<Int>()
            let tasks = (0..<1_000).map { number in loop.start { noted.note(number) } }
            for task in tasks { await task.value }
            return noted.all
        }
        #expect(order == Array(0..<1_000))
    }

    @Test func questionsAskedFromAnyThreadAllEnd() async {
        let network = MemoryNetwork()
        let loop = ThreadLoop(name: "test")
        let link = network.link(Rank(0), on: loop)  // no responder
        let closed = Task.detached {
            try? await Task.sleep(for: .milliseconds(30))
            link.close()
        }
        let ended = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<2_000 {
                group.addTask { @concurrent in
                    do throws(LinkError) {
                        _ = try await link.call(.ping, at: Rank(0), timeoutMilliseconds: number % 3)
                        return false
                    } catch {
                        return true
                    }
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(ended == 2_000)
        await closed.value
        loop.stop()
    }
}
