// Trace events, and the lines that viewers read.
import DaftModel
import DaftPlan
import DaftWire
import Foundation
import Testing

private let chunk = Digest(bytes: Array(0x00...0x1f))!
private let content = Digest(bytes: Array(0x20...0x3f))!

/// A trace file as a viewer decodes it.
private struct Seen: Decodable {
    struct Event: Decodable {
        struct Arguments: Decodable {
            var name, chunk, content: String?
            var bytes, chunks, number, peer: Int?
            var waitedMicroseconds: Double?
        }

        let ph, name: String
        let pid, tid: Int
        var ts, dur: Double?
        let args: Arguments
    }

    struct Other: Decodable {
        let clock: String
        let droppedEventsOfRank: [String: Int]
        let missing: [String]
    }

    let traceEvents: [Event]
    let otherData: Other

    init(
        _ parts: [(Rank, String, [TraceEvent])], dropped: [(rank: Rank, events: UInt64)] = [], missing: [String] = []
    ) throws {
        let lines = parts.map { TraceLines.part(rank: $0.0, host: $0.1, $0.2) }.joined()
        let text = TraceLines.beginning + lines + TraceLines.end(dropped: dropped, missing: missing)
        self = try JSONDecoder().decode(Seen.self, from: Data(text.utf8))
    }

    var spans: [Event] { traceEvents.filter { $0.ph == "X" } }
    func names(of kind: String) -> [String] { traceEvents.filter { $0.name == kind }.compactMap(\.args.name) }
}

private func event(_ kind: TraceEvent.Kind, _ begun: UInt64, _ end: UInt64) -> TraceEvent {
    TraceEvent(kind, TraceEvent.Subject(chunk: chunk), bytes: 4096, from: begun, to: end)
}

@Suite struct TraceTests {
    @Test func aClockThatIsSetBackMakesNoNegativeLength() {
        let event = TraceEvent(
            .received, TraceEvent.Subject(), bytes: 1, from: 10, to: 7, askedNanoseconds: 20)
        #expect(event.lengthNanoseconds == 0)
        #expect(event.waitedNanoseconds == 0)
        #expect(event.endNanoseconds == 10)
    }

    @Test func aPieceSaysWhatIsKnownOfIt() {
        let kept = TraceEvent.Subject(Piece(.kept(content), chunk: 3, length: 5), chunk: chunk)
        #expect(kept == TraceEvent.Subject(chunk: chunk, content: content, number: 3))
        #expect(
            TraceEvent.Subject(Piece(.identified(chunk), chunk: 0, length: 5)) == TraceEvent.Subject(chunk: chunk))
        #expect(TraceEvent.Subject(Piece(.offered(offer: 1, file: 2), chunk: 3, length: 5)) == TraceEvent.Subject())
    }

    @Test func everyEventIsALineThatViewersRead() throws {
        let received = TraceEvent(
            .received, TraceEvent.Subject(chunk: chunk, content: content, number: 7), bytes: 4096, peer: Rank(2),
            from: 1_700_000_000_000_001_234, to: 1_700_000_000_000_003_000, askedNanoseconds: 1_700_000_000_000_000_234)
        let seen = try Seen([(Rank(0), "n0", []), (Rank(3), "a \"b\"\\", [received])])
        #expect(
            seen.names(of: "process_name") == ["rank 0 on n0, metadata server", "rank 3 on a \"b\"\\, data server"])
        let span = try #require(seen.spans.first)
        #expect(seen.spans.count == 1)
        #expect((span.name, span.pid) == ("received", 3))
        #expect(abs((span.ts ?? 0) - 1_700_000_000_000_001.234) < 0.5)
        #expect(span.dur == 1.766)
        #expect(span.args.waitedMicroseconds == 1)
        #expect((span.args.chunk, span.args.content) == ("0001020304050607", "2021222324252627"))
        #expect([span.args.bytes, span.args.chunks, span.args.number, span.args.peer] == [4096, 1, 7, 2])
        #expect(seen.otherData.clock.hasPrefix("CLOCK_REALTIME of each rank"))
        #expect(seen.otherData.droppedEventsOfRank.isEmpty)
    }

    @Test func whatGoesOnAtTheSameTimeHasTracksOfItsOwn() throws {
        let events = [
            event(.written, 0, 90_000), event(.read, 0, 50_000), event(.read, 60_000, 70_000),
            event(.read, 20_000, 30_000), event(.read, 40_000, 80_000),
        ]
        let seen = try Seen([(Rank(1), "n1", events)])
        #expect(seen.names(of: "thread_name") == ["read", "read (2)", "written"])
        for (_, spans) in Dictionary(grouping: seen.spans, by: \.tid) {
            for (one, next) in zip(spans, spans.dropFirst()) {
                #expect((one.ts ?? 0) + (one.dur ?? 0) < next.ts ?? 0)
            }
        }
        #expect(seen.spans.count == events.count)
    }

    @Test func whatIsLackingIsSaidInTheFile() throws {
        let seen = try Seen([], dropped: [(Rank(2), 17)], missing: ["n3: \"gone\""])
        #expect(seen.otherData.droppedEventsOfRank == ["2": 17])
        #expect(seen.otherData.missing == ["n3: \"gone\""])
        #expect(seen.spans.isEmpty)
    }
}
