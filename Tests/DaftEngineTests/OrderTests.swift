// What outlives its requester: learned ids of an offer, and unpolled orders.

import DaftLink
import DaftModel
import DaftStore
import DaftWire
import Synchronization
import Testing

@testable import DaftEngine

@Suite struct OrderTests {
    private let span = Span(file: 0, first: 0, count: 1)

    @Test func whatIsLearnedOfAnOfferStaysWhileItIsTakenInHoweverManyOthersEnd() async {
        let loop = ThreadLoop(name: "learning")
        defer { loop.stop() }
        let chainChunkIDs = ChainChunkIDs(on: loop)
        let id = zeroChunkID(length: 4096)
        let offer = Offer(rank: Rank(1), number: 1)
        chainChunkIDs.enter(offer)
        chainChunkIDs.note([id], of: span, in: offer)
        for number in UInt64(0)..<100 {
            let other = Offer(rank: Rank(2), number: number)
            chainChunkIDs.enter(other)
            chainChunkIDs.note([id], of: span, in: other)
            chainChunkIDs.leave(other)
        }
        let span = span
        let answers = await loop.finished(
            loop.start {
                let (first, last) = (Offer(rank: Rank(2), number: 0), Offer(rank: Rank(2), number: 99))
                return [
                    await chainChunkIDs.answer([span], of: offer), await chainChunkIDs.answer([span], of: last),
                    await chainChunkIDs.answer([span], of: first),
                ]
            })
        #expect(answers == [[.ids([id])], [.ids([id])], [.unknown]])
    }

    @Test func anOrderThatNobodyPollsIsGivenUpAndWhatNobodyIsToPollIsNot() async {
        let loop = ThreadLoop(name: "ordering")
        defer { loop.stop() }
        let tasks = OrderTable(on: loop, orphanMilliseconds: 100)
        let wasStopped = Mutex<[String: Bool]>([:])
        await loop.finished(
            loop.start {
                @Sendable func work(_ name: String) async -> Outcome {
                    await loop.sleep(milliseconds: 600)
                    wasStopped.withLock { $0[name] = Task.isCancelled }
                    return .placed([])
                }
                _ = await tasks.begin { _ in await work("polled") }
                await tasks.run { _ in await work("not polled") }
                await loop.sleep(milliseconds: 1_000)
            })
        #expect(wasStopped.withLock { $0 } == ["polled": true, "not polled": false])
    }
}
