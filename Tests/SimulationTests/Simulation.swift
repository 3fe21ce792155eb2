// One run: a cluster, trees and a script from a seed, faults on the way, and then the end of all faults, when every
// command must succeed. What has to hold is in Properties.swift.

import DaftCore
import DaftEngine
import DaftLink
import Foundation
import Synchronization
import TestDisk

/// A property that did not hold.
struct Violation: Error, CustomStringConvertible {
    let description: String

    init(_ what: String) { description = what }
}

/// How bad a run's weather may get.
enum Climate: CaseIterable {
    /// Nothing fails: every command must succeed at once.
    case calm
    /// Messages get lost.
    case lossy
    /// Ranks die between or in the middle of their work.
    case deadly
    /// Disks are full, or tear writes.
    case faulty
    /// Power fails.
    case dark
}

final class Simulation {
    let seed: UInt64
    let climate: Climate
    let cluster: Cluster
    let sources: String
    private(set) var trees: [Leaves] = []
    var random: Sequence64
    /// Trees whose publication was acknowledged.
    var acknowledged: Set<Int> = []
    /// What was promised was promised by disks that may forget.
    var mayHaveLost = false
    private(set) var past: Set<Errand> = []
    private var targets = 0

    init(seed: UInt64, flaws: Flaws = Flaws(), climate: Climate? = nil) {
        self.seed = seed
        var random = Sequence64(seed)
        let all = Climate.allCases
        self.climate = climate ?? all[Int(seed % UInt64(all.count))]
        var layout = Layout()
        layout.dataServers = 2 + Int(random.next() % 4)
        layout.isDurable = random.next() % 3 == 0
        layout.isApart = random.next() % 2 == 0
        layout.longestDelayMicroseconds = [1, 2_000, 30_000][Int(random.next() % 3)]
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
        self.random = random
    }

    func pick<T>(_ some: [T]) -> T { some[Int(random.next() % UInt64(some.count))] }

    func nextTarget() -> String {
        targets += 1
        return "\(cluster.base)/out/\(targets)"
    }

    // MARK: the script

    func run() throws {
        guard try cluster.startDead().isEmpty else { throw Violation("a fresh system does not start") }
        for _ in 0..<2 + Int(random.next() % 3) { try round() }
        try end()
    }

    private func round() throws {
        let isCalm = climate == .calm
        let before = acknowledged
        let errands = (0..<1 + Int(random.next() % 3)).map { _ in anyErrand() }
        if !isCalm { plantFault() }
        let isWhole = cluster.areAllAlive
        let done = try carryOut(errands)
        for (errand, done, target) in done {
            try judge(errand, done, target, before: before, mustSucceed: isCalm && isWhole)
        }
        endFaults()
        try cluster.settle()
        try checkNames()
        try revive()
    }

    private func anyErrand() -> Errand {
        let tree = Int(random.next() % UInt64(trees.count))
        let host = pick(Array(cluster.dataServers)).host
        switch random.next() % 10 {
        case 0...2: return .put(tree, at: host)
        case 3: return .diffuse(tree)
        case 4: return .bcastPath(tree)
        case 5: return .bcastName(tree)
        case 6: return .fetch(tree, at: host)
        case 7: return .get(tree)
        case 8: return cat(tree) ?? .verify
        default: return .verify
        }
    }

    private func cat(_ tree: Int) -> Errand? {
        let files = trees[tree].filter { $0.value.bytes != nil && !$0.key.isEmpty }.keys
            .sorted { $0.lexicographicallyPrecedes($1) }
        return files.isEmpty ? nil : .cat(tree, pick(files))
    }

    /// Carries errands out at the same time, each at some rank; what became of those whose ranks lived.
    func carryOut(_ errands: [Errand], atServer: Bool = false) throws -> [(Errand, Done, target: String)] {
        var begun: [(Errand, Ending<Done>, target: String)] = []
        for errand in errands {
            past.insert(errand)
            let target = nextTarget()
            let isElsewhere = !atServer && random.next() % 3 == 0
            let rank = isElsewhere ? pick(cluster.ranks) : cluster.metadataServer
            cluster.trace.note("\(rank.rank) begins \(errand)")
            let sources = sources
            let ending = cluster.begin(at: rank) {
                await SimulationTests.carryOut(errand, at: $0, sources: sources, target: target)
            }
            if let ending { begun.append((errand, ending, target)) }
        }
        try cluster.run(begun.map(\.1))
        return begun.compactMap { errand, ending, target in
            guard let done = ending.value else { return nil }
            cluster.trace.note("ended \(errand): \(done.report.failures.map(\.description))")
            return (errand, done, target)
        }
    }

    // MARK: faults

    private func plantFault() {
        let server = pick(Array(cluster.dataServers))
        switch climate {
        case .calm: break
        case .lossy: cluster.weather.lose(perMille: [5, 20, 80][Int(random.next() % 3)])
        case .deadly:
            if random.next() % 2 == 0 {
                cluster.doom(server, afterChanges: Int(random.next() % 40))
            } else {
                cluster.weather.doom(pick(cluster.ranks).rank, afterMessages: Int(random.next() % 60))
            }
        case .faulty:
            if random.next() % 2 == 0 {
                server.disk?.spareBytes = Int(random.next() % 60_000)
            } else {
                server.disk?.tearWrite(after: Int(random.next() % 20))
            }
        case .dark: cluster.weather.doom(server.rank, afterMessages: Int(random.next() % 60))
        }
    }

    private func endFaults() {
        cluster.weather.calm()
        for server in cluster.dataServers {
            server.disk?.spareBytes = nil
            server.disk?.tearWrite(after: nil)
            server.disk?.doom(afterChanges: nil)
        }
    }

    /// Brings dead ranks back; in the dark, after their power failed. Without its metadata server nothing goes on.
    private func revive() throws {
        if !cluster.metadataServer.isAlive { for rank in cluster.ranks where rank.isAlive { cluster.kill(rank) } }
        if climate == .dark {
            for server in cluster.dataServers where !server.isAlive || random.next() % 4 == 0 {
                cluster.losePower(server, &random)
                if !cluster.layout.isDurable { mayHaveLost = true }
            }
        }
        if let (rank, failure) = try cluster.startDead().min(by: { $0.key < $1.key }) {
            throw Violation("\(rank) does not start again: \(failure)")
        }
    }

    // MARK: the end

    private func end() throws {
        try checkNames()
        try checkAcknowledged()
        for errand in past.filter({ $0.publishes != nil }).sorted(by: { "\($0)" < "\($1)" }) {
            try mustSucceed(errand)
        }
        for errand in past.filter({ $0.wants.map(acknowledged.contains) ?? ($0 == .verify) })
            .sorted(by: { "\($0)" < "\($1)" })
        {
            try mustSucceed(errand)
        }
        mayHaveLost = false
        try checkAcknowledged()
        try cluster.settle()
        try checkNames()
        try checkConvergence()
        try checkWriteOnce()
        try checkRest()
    }

    private func mustSucceed(_ errand: Errand) throws {
        guard let (_, done, target) = try carryOut([errand], atServer: true).first else {
            throw Violation("\(errand) has no end")
        }
        try judge(errand, done, target, before: acknowledged, mustSucceed: true)
    }
}
