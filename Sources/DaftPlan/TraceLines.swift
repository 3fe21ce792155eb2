// Writes `--trace` files: Chrome's trace-event JSON, for chrome://tracing and ui.perfetto.dev. A rank is a process;
// each kind of work has a track, with more tracks for concurrent work.

import DaftModel
import DaftWire

public enum TraceLines {
    /// Viewers round times; the gap keeps adjacent events from overlapping.
    private static let gapNanoseconds: UInt64 = 1_000
    private static let tracksOfKind = 1_000

    /// Includes one event, so that every other event can be preceded by a comma.
    public static let beginning =
        "{\"traceEvents\":[\n"
        + metadata("process_labels", .metadataServer, 0, "\"labels\":\"times are by the clock of each node\"")

    /// One rank's part, after the beginning or another part.
    public static func part(rank: Rank, host: String, _ events: [TraceEvent]) -> String {
        let role = rank == .metadataServer ? "metadata server" : "data server"
        let name = quotedForJSON("rank \(rank.number) on \(host), \(role)")
        let (tracks, laid) = laidOut(events)
        let heads =
            [
                metadata("process_name", rank, 0, "\"name\":\(name)"),
                metadata("process_sort_index", rank, 0, "\"sort_index\":\(rank.number)"),
            ]
            + tracks.flatMap { track in
                [
                    metadata("thread_name", rank, track.number, "\"name\":\"\(track.name)\""),
                    metadata("thread_sort_index", rank, track.number, "\"sort_index\":\(track.number)"),
                ]
            }
        let lines = heads + laid.map { line(of: $0.event, rank, $0.track) }
        return lines.map { ",\n" + $0 }.joined()
    }

    /// `dropped`: events missing per rank. `missing`: failures to collect events.
    public static func end(dropped: [(rank: Rank, events: UInt64)], missing: [String]) -> String {
        let counts = dropped.map { "\"\($0.rank.number)\":\($0.events)" }.joined(separator: ",")
        let reasons = missing.map(quotedForJSON).joined(separator: ",")
        return "\n],\"displayTimeUnit\":\"ms\",\"otherData\":{"
            + "\"clock\":\"CLOCK_REALTIME of each rank's node, in microseconds since 1970-01-01 00:00 UTC\","
            + "\"droppedEventsOfRank\":{\(counts)},\"missing\":[\(reasons)]}}\n"
    }

    // MARK: tracks

    private struct Track {
        let number: Int
        let name: String
    }

    /// Assigns each event to the first free track of its kind.
    private static func laidOut(
        _ events: [TraceEvent]
    ) -> (tracks: [Track], events: [(event: TraceEvent, track: Int)]) {
        var ends: [TraceEvent.Kind: [UInt64]] = [:]
        let laid = events.sorted { $0.begunNanoseconds < $1.begunNanoseconds }.map { event in
            var busy = ends[event.kind, default: []]
            let lane = busy.firstIndex { $0 <= event.begunNanoseconds } ?? busy.count
            if lane == busy.count { busy.append(0) }
            busy[lane] = event.endNanoseconds + gapNanoseconds
            ends[event.kind] = busy
            return (event, number(event.kind, lane))
        }
        let tracks = TraceEvent.Kind.allCases.flatMap { kind in
            (ends[kind] ?? []).indices.map { lane in
                Track(number: number(kind, lane), name: lane == 0 ? "\(kind)" : "\(kind) (\(lane + 1))")
            }
        }
        return (tracks, laid)
    }

    private static func number(_ kind: TraceEvent.Kind, _ lane: Int) -> Int {
        (Int(kind.rawValue) + 1) * tracksOfKind + lane
    }

    // MARK: lines

    private static func metadata(_ name: String, _ rank: Rank, _ track: Int, _ field: String) -> String {
        "{\"ph\":\"M\",\"name\":\"\(name)\",\"pid\":\(rank.number),\"tid\":\(track),\"args\":{\(field)}}"
    }

    private static func line(of event: TraceEvent, _ rank: Rank, _ track: Int) -> String {
        var arguments = "\"bytes\":\(event.bytes),\"chunks\":\(event.chunks)"
        if let chunk = event.subject.chunk { arguments += ",\"chunk\":\"\(hexadecimal(chunk))\"" }
        if let content = event.subject.content {
            arguments += ",\"content\":\"\(hexadecimal(content))\",\"number\":\(event.subject.number)"
        }
        if let peer = event.peer { arguments += ",\"peer\":\(peer.number)" }
        if event.waitedNanoseconds > 0 {
            arguments += ",\"waitedMicroseconds\":\(microseconds(event.waitedNanoseconds))"
        }
        return "{\"ph\":\"X\",\"name\":\"\(event.kind)\",\"cat\":\"slab\",\"pid\":\(rank.number),\"tid\":\(track),"
            + "\"ts\":\(microseconds(event.begunNanoseconds)),\"dur\":\(microseconds(event.lengthNanoseconds)),"
            + "\"args\":{\(arguments)}}"
    }

    private static func microseconds(_ nanoseconds: UInt64) -> String {
        let rest = String(nanoseconds % 1_000)
        return "\(nanoseconds / 1_000)." + String(repeating: "0", count: 3 - rest.count) + rest
    }

    private static func hexadecimal(_ word: UInt64) -> String {
        DaftModel.hexadecimal((0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * $0)) })
    }
}
