// One run: a cluster, trees and commands from a seed, with faults; then the end of all faults, after which every
// command must succeed. Properties.swift has the properties, Hazards.swift the hazards.

import DaftEngine
import DaftLink
import DaftModel
import Foundation
import Synchronization
import TestDisk

/// A violated property.
struct Violation: Error, CustomStringConvertible {
    let description: String

    init(_ what: String) { description = what }
}

final class Simulation {
    let seed: UInt64
    let hazards: Set<Hazard>
    let cluster: Cluster
    let sources: String
    private(set) var trees: [Leaves] = []
    /// Two files that compete for the name /rival.
    let rivals: [Leaf]
    /// Which of them has it.
    var winner: Int?
    var random: Sequence64
    /// Trees whose publication was acknowledged.
    var acknowledged: Set<Int> = []
    /// Promises were made by disks that may lose or corrupt data.
    var mayHaveLost = false
    /// Corrupted files, and names that may be copies of them.
    var rotten: Set<String> = []
    private(set) var past: Set<Errand> = []
    private var targets = 0

    init(seed: UInt64, flaws: Flaws = Flaws(), hazards: Set<Hazard>? = nil, isDurable: Bool? = nil) {
        self.seed = seed
        self.hazards = hazards ?? Hazard.of(seed)
        var random = Sequence64(seed)
        var layout = Layout()
        layout.dataServers = 2 + Int(random.next() % 4)
        layout.isDurable = random.next() % 3 == 0
        if let isDurable { layout.isDurable = isDurable }
        layout.isApart = random.next() % 2 == 0
        if self.hazards.contains(.destruction) { layout.copies = 2 }
        layout.longestDelayMicroseconds = [1, 2_000, 30_000][Int(random.next() % 3)]
        layout.workers = 1 + Int(random.next() % 4)
        layout.longestPauseMicroseconds = [0, 200, 5_000][Int(random.next() % 3)]
        cluster = Cluster(layout, seed: random.next(), flaws: flaws)
        sources = cluster.base + "/sources"
        mkdir(sources, 0o755)
        mkdir(cluster.base + "/out", 0o755)
        var maker = TreeMaker(seed: random.next())
        for number in 0..<2 + Int(random.next() % 2) {
            let tree = maker.tree(files: 2 + Int(random.next() % 6))
            write(tree, to: "\(sources)/t\(number)")
            trees.append(tree)
        }
        rivals = [maker.file(atLeast: 1), maker.file(atLeast: 5_000)]
        for (number, rival) in rivals.enumerated() { write([[]: rival], to: "\(sources)/rival\(number)") }
        self.random = random
    }

    func chance(_ part: UInt64, in whole: UInt64) -> Bool { random.next() % whole < part }
    func number(below limit: Int) -> Int { Int(random.next() % UInt64(limit)) }
    func pick<T>(_ some: [T]) -> T { some[number(below: some.count)] }

    private func nextTarget() -> String {
        targets += 1
        return "\(cluster.base)/out/\(targets)"
    }

    // MARK: commands

    func run() throws {
        if let (rank, failure) = try cluster.startDead().first {
            throw Violation("4: a fresh system does not start: \(rank): \(failure)")
        }
        for _ in 0..<3 + number(below: 3) { try round() }
        try end()
    }

    private func round() throws {
        let before = acknowledged
        var errands = (0..<2 + number(below: 4)).map { _ in anyErrand() }
        if hazards.contains(.slowness) { errands += [.verify, .verify, .verify] }
        let isWhole = cluster.areAllAlive && hazards.isEmpty
        plantFaults()
        for carried in try carryOut(errands, mayBeStopped: hazards.contains(.interruption)) {
            try judge(carried, before: before, mustSucceed: isWhole)
        }
        endFaults()
        try cluster.settle()
        try checkNames()
        try revive()
    }

    private func anyErrand() -> Errand {
        let tree = number(below: trees.count)
        let host = pick(Array(cluster.dataServers)).host
        switch number(below: 12) {
        case 0...2: return .put(tree, at: host)
        case 3, 4: return .diffuse(tree)
        case 5: return .bcastPath(tree)
        case 6: return .bcastName(tree)
        case 7: return .fetch(tree, at: host)
        case 8: return .get(tree)
        case 9: return cat(tree) ?? .verify
        case 10: return .rival(number(below: 2), at: host)
        case 11 where chance(1, in: 2): return .repair
        default: return .verify
        }
    }

    private func cat(_ tree: Int) -> Errand? {
        let files = trees[tree].filter { $0.value.bytes != nil && !$0.key.isEmpty }.keys
            .sorted { $0.lexicographicallyPrecedes($1) }
        return files.isEmpty ? nil : .cat(tree, pick(files))
    }

    /// Runs commands concurrently, each at some rank; returns the results from surviving ranks.
    private func carryOut(
        _ errands: [Errand], at fixed: SimulatedRank? = nil, mayBeStopped: Bool = false
    ) throws -> [Carried] {
        var begun: [(errand: Errand, ending: OneShot<Done>, target: String)] = []
        for errand in errands {
            past.insert(errand)
            let target = nextTarget()
            let rank = fixed ?? place(of: errand)
            cluster.trace.note("\(rank.rank) begins \(errand.words)")
            let (sources, delay) = (sources, hazards.contains(.slowness) ? number(below: 300) : 0)
            let ending = cluster.begin(at: rank) {
                if delay > 0 { await $0.loop.sleep(milliseconds: delay) }
                return await SimulationTests.carryOut(errand, at: $0, sources: sources, target: target)
            }
            guard let ending else { continue }
            if mayBeStopped, chance(1, in: 2) { ending.stop(afterMilliseconds: number(below: 100)) }
            begun.append((errand, ending, target))
        }
        try runThrough(begun.map(\.ending))
        return begun.compactMap { errand, ending, target in
            guard let done = ending.value else { return nil }
            cluster.trace.note("ended \(errand.words): \(done.report.failures.map(\.kind))")
            return Carried(errand: errand, done: done, target: target, wasStopped: ending.wasStopped)
        }
    }

    /// Mostly at the metadata server. Without a data server on its node a broadcast chooses one by the path, which
    /// differs between runs, so that is excluded.
    private func place(of errand: Errand) -> SimulatedRank {
        if chance(1, in: 3) { return pick(Array(cluster.dataServers)) }
        if case .bcastPath = errand, cluster.layout.isApart { return pick(Array(cluster.dataServers)) }
        return cluster.metadataServer
    }

    /// Some dead ranks return while others are still working.
    private func runThrough(_ endings: [any Ended]) throws {
        let isRestarted = hazards.contains(.restart)
        let comesBackSoon = isRestarted || hazards.contains(.death) && chance(1, in: 2)
        guard comesBackSoon else { return try cluster.run(endings) }
        try cluster.run(endings, orFirstDeath: true)
        if cluster.metadataServer.isAlive || isRestarted { _ = try cluster.startDead() }
        try cluster.run(endings)
    }

    // MARK: end

    private func end() throws {
        if !rotten.isEmpty {
            _ = try carryOut([.verify])
            rotten = []
        }
        try checkNames()
        try checkAcknowledged()
        for errand in past.filter({ $0.publishes != nil }).sorted(by: { $0.words < $1.words }) {
            try mustSucceed(errand)
        }
        try settleRivalry()
        for errand in past.filter({ $0.wants.map(acknowledged.contains) ?? ($0 == .verify) })
            .sorted(by: { $0.words < $1.words })
        {
            try mustSucceed(errand)
        }
        mayHaveLost = false
        try checkAcknowledged()
        if hazards.contains(.destruction) { try destroyStores() }
        try cluster.settle()
        try checkNames()
        try checkConvergence()
        try checkWriteOnce()
        try checkRest()
    }

    /// Both rivals retry: one has the name already, the other is refused.
    private func settleRivalry() throws {
        guard past.contains(where: { $0.isRival }) else { return }
        var winners: [Int] = []
        for rival in 0...1 {
            let errand = Errand.rival(rival, at: pick(Array(cluster.dataServers)).host)
            guard let carried = try carryOut([errand]).first else { throw Violation("4: \(errand.words) has no end") }
            try judge(carried, before: acknowledged, mustSucceed: false)
            if carried.isWell {
                winners.append(rival)
            } else if carried.done.report.failures.first?.kind != .taken {
                throw Violation("5: \(errand.words) is not refused, and fails: \(carried.done.report.failures)")
            }
        }
        if winners.count != 1 { throw Violation("5: \(winners.count) of two rivals got the name") }
    }

    func mustSucceed(_ errand: Errand, at rank: SimulatedRank? = nil) throws {
        let carried = try carryOut([errand], at: rank).first
        guard let carried else { throw Violation("4: \(errand.words) has no end") }
        try judge(carried, before: acknowledged, mustSucceed: true)
    }

    /// Everything acknowledged is available or, if disks may lose data, reported as lost.
    private func checkAcknowledged() throws {
        for tree in acknowledged.sorted() {
            guard let carried = try carryOut([.get(tree)]).first else { throw Violation("4: get has no end") }
            try judge(carried, before: acknowledged, mustSucceed: !mayHaveLost)
        }
    }
}
