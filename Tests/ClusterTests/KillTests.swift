// A rank killed at a random moment of a command: the job ends soon and names it, the stores are consistent, and the
// same command run again completes and transfers only what was missing.
//
// Every run has one round per command. DAFT_KILLS=50 sets the number of rounds, with six times the bytes;
// DAFT_KILL_SEED=7 sets the first seed, which is always printed. The seed also determines the command.

import Foundation
import Glibc
import Testing

/// Which rank dies and when, drawn from a seed.
struct KillRound: Sendable, CustomTestStringConvertible {
    static let verbs = ["put", "diffuse", "bcast", "fetch", "get"]
    private static let environment = ProcessInfo.processInfo.environment
    private static let first = environment["DAFT_KILL_SEED"].flatMap { Int($0) } ?? Int.random(in: 1...1_000_000)
    private static let count = environment["DAFT_KILLS"].flatMap { Int($0) }

    static let all = (0..<(count ?? verbs.count)).map { KillRound(seed: first + $0) }
    static let largeBytes = (count == nil ? 60 : 360) << 20

    let seed: Int

    var verb: String { KillRound.verbs[seed % KillRound.verbs.count] }

    var testDescription: String { "\(verb), DAFT_KILL_SEED=\(seed)" }
}

/// A seeded generator.
private struct Draw: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}

/// A kill, and how its job ended.
private struct Killed {
    let victim: Int
    let end: JobEnd
    let secondsToTheEnd: Double
    /// Bytes on disk when the rank was killed, and how many of them are not transferred again.
    let written: Int
    let kept: Int
}

/// A target directory and the rank that writes it.
private struct Receiver {
    let rank: Int
    let path: String
}

@Suite(.serialized, .enabled(if: PretendedNodes.areAllowed)) struct KillTests {
    /// A store checkpoints on SIGTERM and otherwise once a second for each partial file, so what a killed rank had
    /// before that is not transferred again. Doubled, since checkpoints take time.
    private static let notedWithinSeconds = 2.0
    /// Chunks in flight, which may be half written.
    private static let bytesInFlight = 32 * PretendedNodes.chunkBytes

    @Test(arguments: KillRound.all)
    func whatAKilledRankLeavesIsSoundAndIsGoneOnWith(round: KillRound) throws {
        let nodes = try PretendedNodes(largeBytes: KillRound.largeBytes)
        let command = try prepare(round.verb, nodes)
        var draw = Draw(state: UInt64(round.seed))
        var tries = 0
        var attempt: Killed?
        while attempt == nil, tries < 3 {
            if tries > 0 { try undo(round.verb, nodes) }
            attempt = try kill(command, round.verb, nodes, &draw)
            tries += 1
        }
        let killed = try #require(attempt, "the command was faster than the kill, three times")
        let end = killed.end

        #expect(killed.secondsToTheEnd < 10, "\(end)")
        #expect(end.status != 0, "\(end)")
        let named = end.errors.split(separator: "\n").contains {
            $0.contains("rank \(killed.victim) ") && $0.contains(" on node ") && $0.contains("signal 9")
        }
        #expect(named, "rank \(killed.victim) died: \(end)")

        let looked = try nodes.run(input: "verify\nls -c \(round.isPublishing ? "/" : "/set")\n")
        #expect(looked.status == 0, "\(looked)")
        #expect(looked.numbers("corrupt", of: "verify") == [0, 0, 0], "\(looked)")

        let again = try nodes.start(command).end()
        #expect(again.status == 0, "\(again)")
        let moved = again.numbers("moved", of: round.verb).first ?? -1
        let all = bytesToMove(by: round.verb, nodes)
        print(
            "\(round.testDescription): rank \(killed.victim) killed, the end \(killed.secondsToTheEnd) s later;",
            "of \(all) bytes \(killed.written) were there, \(killed.kept) for good; \(moved) moved again")
        #expect(moved >= 0 && moved <= all - killed.kept, "\(again)")
        if round.verb == "fetch" || round.verb == "bcast" {
            #expect(moved <= missing(according: looked, of: round.verb == "fetch" ? ["n2"] : ["n2", "n3"]), "\(again)")
        }
        if round.verb != "get" {
            let get = try nodes.run("get", "/set", "--to", nodes.scratch["out"])
            #expect(get.status == 0, "\(get)")
        }
        #expect(try nodes.scratch.changes(from: "set", to: "out", permissions: true) == "")
    }

    /// The command under test, after its preparations.
    private func prepare(_ verb: String, _ nodes: PretendedNodes) throws -> [String] {
        let set = nodes.scratch["set"]
        switch verb {
        case "put": return ["put", set + "@n2"]
        case "diffuse": return ["diffuse", set]
        default:
            let put = try nodes.run("put", set + "@n1")
            #expect(put.status == 0, "\(put)")
        }
        switch verb {
        case "bcast": return ["bcast", "/set"]
        case "fetch": return ["fetch", "/set@n2"]
        default: return ["get", "/set", "--to", nodes.scratch["out"]]
        }
    }

    /// Starts the command and kills one of its ranks at a random amount of data, sometimes during the start. Nil if the
    /// command finished first.
    private func kill(
        _ command: [String], _ verb: String, _ nodes: PretendedNodes, _ draw: inout Draw
    ) throws -> Killed? {
        let victim = Int.random(in: 0...PretendedNodes.data.count, using: &draw)
        let isEarly = Int.random(in: 0..<10, using: &draw) == 0
        let pause = UInt32.random(in: 0..<400_000, using: &draw)
        let goal = Int(Double.random(in: 0..<1, using: &draw) * Double(bytesToMove(by: verb, nodes)))
        let receivers = receivers(verb, nodes)
        var seen: [(time: Date, bytes: [Int])] = []
        let job = try nodes.start(command)
        if isEarly { usleep(pause) }
        while !isEarly, !job.hasEnded, seen.last?.bytes.reduce(0, +) ?? 0 <= goal {
            usleep(10_000)
            seen.append((Date(), receivers.map { nodes.written(below: $0.path) }))
        }
        let ranks = job.ranks()
        guard ranks.count == PretendedNodes.data.count + 1 else {
            _ = job.end()
            return nil
        }
        Glibc.kill(ranks[victim], SIGKILL)
        let start = Date()
        let noted = seen.last { $0.time < start.addingTimeInterval(-KillTests.notedWithinSeconds) }?.bytes
        let kept = receivers.indices.map { index in
            if receivers[index].rank == victim, verb != "get" { return noted?[index] ?? 0 }
            return max(0, (seen.last?.bytes[index] ?? 0) - KillTests.bytesInFlight)
        }
        let end = job.end()
        return Killed(
            victim: victim, end: end, secondsToTheEnd: Date().timeIntervalSince(start),
            written: seen.last?.bytes.reduce(0, +) ?? 0, kept: kept.reduce(0, +))
    }

    /// Prepares another try of a command that finished too soon.
    private func undo(_ verb: String, _ nodes: PretendedNodes) throws {
        for path in PretendedNodes.data.map(nodes.store) + [nodes.store("n1") + ".mds", nodes.scratch["out"]] {
            try? FileManager.default.removeItem(atPath: path)
        }
        _ = try prepare(verb, nodes)
    }

    private func receivers(_ verb: String, _ nodes: PretendedNodes) -> [Receiver] {
        let stores = PretendedNodes.data.enumerated().map { Receiver(rank: $0 + 1, path: nodes.store($1)) }
        switch verb {
        case "put", "fetch": return [stores[1]]
        case "bcast": return Array(stores[1...])
        case "diffuse": return stores
        default: return [Receiver(rank: 0, path: nodes.scratch["out"])]
        }
    }

    /// The most bytes that the command sends over the link.
    private func bytesToMove(by verb: String, _ nodes: PretendedNodes) -> Int {
        verb == "bcast" ? 2 * nodes.bytes : nodes.bytes
    }

    /// Bytes of chunks that these data servers lack according to `ls -c`.
    private func missing(according looked: JobEnd, of servers: [String]) -> Int {
        var sum = 0
        for row in looked.rows where row["type"] as? String == "chunk" {
            let holders = row["holders"] as? [String] ?? []
            sum += (row["length"] as? Int ?? 0) * servers.count { !holders.contains($0) }
        }
        return sum
    }
}

extension KillRound {
    /// Whether the command publishes, so that there are no names until it ends.
    fileprivate var isPublishing: Bool { verb == "put" || verb == "diffuse" }
}
