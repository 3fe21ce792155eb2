// What a filter of ids promises.

import DaftCore
import Testing

@testable import DaftCatalogue

@Suite struct IDFilterTests {
    private func id(_ generator: inout SystemRandomNumberGenerator) -> Digest {
        let bytes = (0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) }
        return bytes.withUnsafeBytes { Digest($0) }
    }

    @Test func whatIsThereIsNeverDeniedAndWhatIsNotNearlyAlways() {
        var generator = SystemRandomNumberGenerator()
        var filter = IDFilter(capacity: 10_000)
        let there = (0..<9_999).map { _ in id(&generator) }
        for id in there { filter.insert(id) }
        #expect(!filter.isFull)
        #expect(there.allSatisfy { filter.mayContain($0) })
        let passed = (0..<10_000).count { _ in filter.mayContain(id(&generator)) }
        #expect(passed < 500)
        filter.insert(id(&generator))
        #expect(filter.isFull)
    }
}
