// Traces are bounded, paged, and collected from present ranks.

import DaftLink
import DaftModel
import DaftWire
import Testing

@testable import DaftEngine

@Suite struct TraceTests {
    private func fill(_ trace: Trace, _ count: Int) {
        for index in 0..<count {
            trace.note(TraceEvent(.read, TraceEvent.Subject(), bytes: index, from: 1, to: 2))
        }
    }

    @Test func whatHasNoRoomIsCounted() {
        let trace = Trace(room: 3)
        fill(trace, 5)
        let page = trace.page(from: 1)
        #expect(page.events.map(\.bytes) == [1, 2])
        #expect((page.kept, page.dropped) == (3, 2))
        #expect(trace.page(from: 4).events.isEmpty)
    }

    @Test func pagesJoinToAll() {
        let trace = Trace()
        fill(trace, 2 * TracePage.mostEvents + 1)
        var bytes: [Int64] = []
        while bytes.count < trace.page(from: 0).kept { bytes += trace.page(from: bytes.count).events.map(\.bytes) }
        #expect(bytes == Array(0...Int64(2 * TracePage.mostEvents)))
    }

    @Test func whatFailsIsNotNoted() {
        let trace: Trace? = Trace()
        let failed = Failure(.failed, [], "no")
        #expect(throws: failed) {
            try trace.timed(.written, TraceEvent.Subject(), bytes: 1) { () throws(Failure) in throw failed }
        }
        #expect(trace?.page(from: 0).kept == 0)
        #expect(trace.timed(.written, TraceEvent.Subject(), bytes: 1) { 7 } == 7)
        #expect(trace?.page(from: 0).kept == 1)
    }

    @Test func withoutATraceThingsAreDoneAllTheSame() {
        let none: Trace? = nil
        #expect(none.timed(.written, TraceEvent.Subject(), bytes: 1) { 7 } == 7)
        #expect(none.written([]) { 8 } == 8)
    }

    @Test func whoIsGoneLacksInTheTraceAndIsNamed() async throws {
        let scratch = try Scratch()
        var settings = scratch.settings(["n0", "n1", "n2"])
        for index in settings.indices { settings[index].traces = true }
        let cluster = try await Cluster.start(settings)
        defer { cluster.close() }
        #expect(await cluster.bcast(try scratch.write("src", 9000)).failures.isEmpty)
        cluster.network.kill(Rank(3))
        let (traces, missing) = await cluster.run { session in
            var traces: [RankTrace] = []
            let missing = await session.station.collectTraces { traces.append($0) }
            return (traces, missing)
        }
        #expect(traces.map(\.rank) == [Rank(0), Rank(1), Rank(2)])
        #expect(traces.map(\.host) == ["n0", "n0", "n1"])
        #expect(traces.first?.events.contains { $0.kind == .sent && $0.peer == Rank(2) } == true)
        #expect(missing.map(\.node) == ["n2"])
        #expect(missing.allSatisfy { $0.kind == .unreachable && $0.reason.hasPrefix("the part of rank 3 ") })
    }
}
