// Fifty seeds in every run, or those given by the environment: DAFT_SEED=7, DAFT_SEEDS=100-199.

import Foundation
import Testing

@Suite struct SeedTests {
    static let seeds: [UInt64] = {
        let environment = ProcessInfo.processInfo.environment
        if let one = environment["DAFT_SEED"].flatMap({ UInt64($0) }) { return [one] }
        let ends = (environment["DAFT_SEEDS"] ?? "1-50").split(separator: "-").compactMap { UInt64($0) }
        return ends.count == 2 && ends[0] <= ends[1] ? Array(ends[0]...ends[1]) : []
    }()

    /// DAFT_HAZARDS=disk,loss: only these, for all seeds.
    static let hazards: Set<Hazard>? = ProcessInfo.processInfo.environment["DAFT_HAZARDS"].map { names in
        Set(Hazard.allCases.filter { names.split(separator: ",").contains("\($0)") })
    }

    @Test(arguments: seeds)
    func everyPropertyHolds(seed: UInt64) {
        let simulation = Simulation(seed: seed, hazards: SeedTests.hazards)
        do {
            try simulation.run()
        } catch {
            Issue.record(
                """
                DAFT_SEED=\(seed) (\(simulation.hazards), \(simulation.cluster.layout)): \(error)
                \(simulation.cluster.trace.lastWords(ranks: simulation.cluster.ranks.count))
                """)
        }
        simulation.writeTrace()
    }

    @Test(arguments: seeds.prefix(5))
    func theSameSeedGivesTheSameMessages(seed: UInt64) throws {
        let traces = try (0..<2).map { _ in
            let simulation = Simulation(seed: seed)
            try simulation.run()
            return simulation.cluster.trace.all
        }
        let first = zip(traces[0], traces[1]).first { $0 != $1 }
        #expect(first == nil, "\(first?.0 ?? "") is \(first?.1 ?? "") in the second run")
        #expect(traces[0].count == traces[1].count)
        #expect(traces[0].count > 100)
    }
}

extension Simulation {
    /// Writes the messages to the directory named by DAFT_TRACES.
    fileprivate func writeTrace() {
        guard let directory = ProcessInfo.processInfo.environment["DAFT_TRACES"] else { return }
        let text = cluster.trace.all.joined(separator: "\n") + "\n"
        try? text.write(toFile: "\(directory)/\(seed)", atomically: false, encoding: .utf8)
    }
}
