// A type that is confined to a loop ends the process if another thread calls it.

import DaftModel
import DaftWire
import Testing

@testable import DaftLink

@Suite struct ConfinementTests {
    @Test func aLoopKnowsItsThread() {
        let (loop, other) = (ThreadLoop(name: "one"), ThreadLoop(name: "other"))
        defer {
            loop.stop()
            other.stop()
        }
        #expect(loop.finish { loop.isCurrent && !other.isCurrent })
        #expect(!loop.isCurrent)
    }

    @Test func anAlarmIsOnTheLoop() async {
        let loop = ThreadLoop(name: "alarm")
        defer { loop.stop() }
        let isCurrent = await withCheckedContinuation { continuation in
            _ = loop.alarm(at: loop.now) { continuation.resume(returning: loop.isCurrent) }
        }
        #expect(isCurrent)
    }

    @Test func aPolledLoopIsCurrentOnceAThreadWorksOnIt() {
        let loop = PolledLoop()
        #expect(!loop.isCurrent)
        _ = loop.work()
        #expect(loop.isCurrent)
    }

    @Test func onTheLoopWhatIsConfinedToItPasses() {
        let loop = ThreadLoop(name: "inside")
        defer { loop.stop() }
        let isEmpty = loop.finish {
            Membership([Rank(0)], on: loop).notify((gone: [Rank(1)], come: []))
            let rpc = RPC(of: Rank(0), on: loop)
            rpc.lose(Rank(1))
            return rpc.awaitedRanks.isEmpty
        }
        #expect(isEmpty)
    }

    @Test func aCallOffTheLoopEndsTheProcess() async {
        await #expect(processExitsWith: .failure) {
            RPC(of: Rank(0), on: ThreadLoop(name: "outside")).lose(Rank(1))
        }
        await #expect(processExitsWith: .failure) {
            RPC(of: Rank(0), on: ThreadLoop(name: "outside")).take(Envelope(.end, 0), from: Rank(1))
        }
        await #expect(processExitsWith: .failure) {
            _ = Membership([Rank(0)], on: ThreadLoop(name: "outside")).become([])
        }
    }
}
