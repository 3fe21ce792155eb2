// Reads `--trace` files independently of daft, and checks the trace of a broadcast.

import Foundation

public struct SeenTrace {
    public struct Span: Decodable {
        public struct Arguments: Decodable {
            public let bytes, chunks: Int
            public let chunk: String?
            public let peer: Int?
        }

        public let name: String
        public let pid, tid: Int
        public let ts, dur: Double
        public let args: Arguments

        var end: Double { ts + dur }
    }

    private struct Event: Decodable {
        struct Arguments: Decodable { let name: String? }
        let ph, name: String
        let args: Arguments
    }

    private struct Spans: Decodable {
        struct Some: Decodable {
            let span: Span?

            init(from decoder: any Decoder) throws { span = try? Span(from: decoder) }
        }

        let traceEvents: [Some]
    }

    private struct Heads: Decodable { let traceEvents: [Event] }

    public let spans: [Span]
    public let processes: [String]

    public init(_ path: String) throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        spans = try JSONDecoder().decode(Spans.self, from: data).traceEvents.compactMap(\.span)
        let heads = try JSONDecoder().decode(Heads.self, from: data).traceEvents
        processes = heads.filter { $0.name == "process_name" }.compactMap(\.args.name)
    }

    /// What is wrong with the trace of one broadcast of a file of `chunks` distinct chunks.
    public func faults(ofBroadcastFrom source: Int, to receivers: [Int], chunks: Int) -> [String] {
        var faults = spans.filter { $0.dur < 0 }.map { "a \($0.name) of \($0.dur) µs" }
        let known = Set(spans.filter { $0.pid == source && $0.name == "hashed" }.compactMap(\.args.chunk))
        if known.count != chunks { faults.append("\(known.count) chunks are hashed, not \(chunks)") }
        for chunk in known.sorted() {
            faults += inOrder(["read", "hashed", "written"], of: chunk, at: source)
            for receiver in receivers {
                faults += inOrder(["received", "verified", "written"], of: chunk, at: receiver)
                faults += sending(of: chunk, to: receiver, from: source)
            }
        }
        return faults
    }

    private func inOrder(_ kinds: [String], of chunk: String, at rank: Int) -> [String] {
        let found = kinds.map { kind in spans.last { $0.name == kind && $0.pid == rank && $0.args.chunk == chunk } }
        return zip(kinds, found).filter { $1 == nil }.map { "\(chunk) is not \($0.0) at \(rank)" }
            + zip(found, found.dropFirst()).compactMap { one, next in
                // Microseconds since 1970 as a Double are precise to about a quarter.
                guard let one, let next, one.end > next.ts + 1 else { return nil }
                return "\(chunk) is \(next.name) at \(rank) before it is \(one.name)"
            }
    }

    private func sending(of chunk: String, to receiver: Int, from source: Int) -> [String] {
        let moves = spans.filter { $0.args.chunk == chunk }
        guard let read = moves.first(where: { $0.name == "read" && $0.pid == source }),
            let received = moves.first(where: { $0.name == "received" && $0.pid == receiver })
        else { return [] }
        let early = received.end < read.end ? ["\(chunk) is received at \(receiver) before it is read"] : []
        let sent = moves.first { $0.name == "sent" && $0.pid == received.args.peer && $0.args.peer == receiver }
        guard let sent else { return early + ["nobody has sent \(chunk) to \(receiver)"] }
        return early + (sent.ts > received.end ? ["\(chunk) is received at \(receiver) before it is sent"] : [])
    }
}
