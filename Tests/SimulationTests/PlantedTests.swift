// Every planted fault is detected by some seed, through a property meant to detect it; the same run without the fault
// passes.

import Testing

@Suite struct PlantedTests {
    private static let seeds: ClosedRange<UInt64> = 1...40

    @Test(arguments: PlantedFault.chosen)
    func aPlantedFaultIsCaught(_ fault: PlantedFault) throws {
        let others = PlantedTests.seeds.filter { $0 != fault.likelySeed }
        for seed in [fault.likelySeed] + others {
            guard let found = violation(seed, fault, fault.flaws) else { continue }
            #expect(found.first.map(fault.caughtBy.contains) == true, "seed \(seed) finds something else: \(found)")
            #expect(violation(seed, fault, Flaws()) == nil, "seed \(seed) fails without the fault, too")
            return
        }
        Issue.record("no seed of \(PlantedTests.seeds) finds it")
    }

    /// The violation in a run, which begins with the number of the property.
    private func violation(_ seed: UInt64, _ fault: PlantedFault, _ flaws: Flaws) -> String? {
        let simulation = Simulation(seed: seed, flaws: flaws, hazards: fault.hazards, isDurable: fault.isDurable)
        do {
            try simulation.run()
            return nil
        } catch let halt as Halt {
            return "4: \(halt)"
        } catch {
            return "\(error)"
        }
    }
}
