// Bit rot is detected, never delivered, and repaired from other copies; without a copy, the lost bytes and names are
// reported.

import DaftModel
import Foundation
import Glibc
import TestDisk
import Testing
import TestPrograms

@Suite(.timeLimit(.minutes(30))) struct RotTests {
    private static let flips = 100

    @Test func flippedBitsAreNeverServedAndAllMended() throws {
        var dice = Sequence64(Trials.seed)
        let system = try RotSystem(copies: 2)
        let rounds = Trials.count(40, share: 2)
        for round in 0..<rounds {
            let hit = try flipSome(RotTests.flips, in: system, &dice)
            if round % 2 == 1 { try expectRight(system) }
            let verify = try system.run("verify")
            #expect(verify.status == 0, "round \(round): \(verify)")
            let summary = Summary(verify.output)
            // Serving ranks have found some already.
            if round % 2 == 0 { #expect(summary.corrupt == hit, "round \(round): \(verify)") }
            #expect(summary.repaired == summary.corrupt, "round \(round): \(verify)")
            #expect(system.wrongInStores() == [], "round \(round)")
            let again = try system.run("verify")
            #expect(Summary(again.output).corrupt == 0, "round \(round): \(again)")
            try expectRight(system)
        }
        Trials.report("bits rot", "\(rounds * RotTests.flips) flips in stores and parts")
    }

    /// Fetched data is right, whatever is wrong at its sources.
    @Test func whatIsBroughtToAllIsRight() throws {
        var dice = Sequence64(Trials.seed)
        for _ in 0..<Trials.count(10, share: 1) {
            let system = try RotSystem(copies: 2)
            _ = try flipSome(RotTests.flips, in: system, &dice)
            let bcast = try system.run("bcast /src /wide")
            #expect(bcast.status == 0, "\(bcast)")
            #expect(system.compare("src", with: system.stores[2] + "/src") == .same)
            // Each store had a part of these.
            for store in system.stores { #expect(system.compare("wide", with: store + "/wide") == .same) }
            let verify = try system.run("verify")
            #expect(verify.status == 0, "\(verify)")
            #expect(system.wrongInStores() == [])
        }
    }

    @Test func withOneCopyItIsSaidWhichBytesOfWhichNamesAreLost() throws {
        var dice = Sequence64(Trials.seed)
        let system = try RotSystem(copies: 1)
        let rounds = Trials.count(20, share: 1)
        for round in 0..<rounds {
            let single = try system.chunks().filter { $0.count == 1 && !$0[0].isHole }
            let chosen = single.shuffled(using: &dice).prefix(RotTests.flips)
            for copies in chosen { try flipOne(of: copies, &dice) }
            let verify = try system.run("verify")
            #expect(verify.status == 5, "\(verify)")
            let isSaid = lostChunks(verify.errors) == Set(chosen.flatMap { names(of: $0) })
            #expect(isSaid, "round \(round): \(verify)")
            system.remove("out")
            let get = try system.run("get / --to out")
            #expect(get.status == 5)
            for tree in system.trees {
                let wrong = system.compare(tree, with: "\(system.path)/out/\(tree)").wrong
                #expect(wrong == [], "\(get)")
            }
            let again = try system.run("put src", "diffuse wide", "verify")
            #expect(again.status == 0, "round \(round): \(again)")
            try expectRight(system)
        }
        Trials.report("bits rot, one copy", "\(rounds * RotTests.flips) flips")
    }

    private func names(of copies: [KeptChunk]) -> [String] {
        (copies.first?.names ?? []).map { "\($0) \(copies[0].range.lowerBound)" }
    }

    /// Each lost chunk by name and position, as reported by `verify`.
    private func lostChunks(_ errors: String) -> Set<String> {
        var chunks: Set<String> = []
        for line in errors.split(separator: "\n") {
            guard let found = line.firstMatch(of: #/verify: (\/.*): bytes (.*) are kept by no data server: lost/#)
            else { continue }
            for range in found.2.split(separator: ", ") {
                let ends = range.split(separator: "–").compactMap { Int($0) }
                guard ends.count == 2 else { continue }
                for start in stride(from: ends[0], through: ends[1], by: RotSystem.chunkBytes) {
                    chunks.insert("\(found.1) \(start)")
                }
            }
        }
        return chunks
    }

    /// In this many chunks, whose other copies stay intact.
    private func flipSome(_ count: Int, in system: RotSystem, _ dice: inout Sequence64) throws -> Int {
        let chosen = try system.chunks().filter { $0.count > 1 }.shuffled(using: &dice).prefix(count)
        for copies in chosen { try flipOne(of: copies, &dice) }
        return chosen.count
    }

    private func flipOne(of copies: [KeptChunk], _ dice: inout Sequence64) throws {
        guard let one = copies.randomElement(using: &dice) else { return }
        try flip([Int.random(in: one.range.lowerBound * 8..<one.range.upperBound * 8, using: &dice)], of: one.file)
    }

    private func expectRight(_ system: RotSystem) throws {
        system.remove("out")
        let get = try system.run("get / --to out", "cat /src/large2")
        #expect(get.status == 0, "\(get.errors)")
        for tree in system.trees { #expect(system.compare(tree, with: "\(system.path)/out/\(tree)") == .same) }
    }
}

/// The counts reported by `verify` for all nodes.
private struct Summary {
    var corrupt = 0
    var repaired = 0

    init(_ output: String) {
        for line in output.split(separator: "\n") {
            guard let found = line.firstMatch(of: #/(\d+) corrupt chunks?, (\d+) repaired/#) else { continue }
            corrupt += Int(found.1) ?? 0
            repaired += Int(found.2) ?? 0
        }
    }
}
