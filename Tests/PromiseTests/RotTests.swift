// Bits rot: what a disk returns otherwise than it was written is found, never served, and mended where there is another
// copy; where there is none, it is said which bytes of which names are lost.

import DaftCore
import Foundation
import Glibc
import TestDisk
import TestPrograms
import Testing

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
            let told = Told(verify.output)
            // Those that were asked for bytes have found some themselves.
            if round % 2 == 0 { #expect(told.corrupt == hit, "round \(round): \(verify)") }
            #expect(told.repaired == told.corrupt, "round \(round): \(verify)")
            #expect(system.wrongInStores() == [], "round \(round)")
            let again = try system.run("verify")
            #expect(Told(again.output).corrupt == 0, "round \(round): \(again)")
            try expectRight(system)
        }
        Trials.report("bits rot", "\(rounds * RotTests.flips) flips in stores and parts, none served, all mended")
    }

    /// In as many chunks, of which the other copies stay as they are.
    private func flipSome(_ count: Int, in system: RotSystem, _ dice: inout Sequence64) throws -> Int {
        let chosen = try system.chunks().filter { $0.count > 1 }.shuffled(using: &dice).prefix(count)
        for copies in chosen {
            guard let one = copies.randomElement(using: &dice) else { continue }
            try flip([Int.random(in: one.range.lowerBound * 8..<one.range.upperBound * 8, using: &dice)], of: one.file)
        }
        return chosen.count
    }

    private func expectRight(_ system: RotSystem) throws {
        system.remove("out")
        let get = try system.run("get / --to out", "cat /src/large2")
        #expect(get.status == 0, "\(get.errors)")
        for tree in system.trees {
            let (wrong, missing) = system.compare(tree, with: "\(system.path)/out/\(tree)")
            #expect(wrong == [] && missing == [])
        }
    }
}

/// What `verify` says it did, on all nodes.
private struct Told {
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
