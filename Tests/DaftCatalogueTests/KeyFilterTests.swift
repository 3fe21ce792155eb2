// The Bloom filter's error rates.

import Testing

@testable import DaftCatalogue

@Suite struct KeyFilterTests {
    @Test func whatIsThereIsNeverDeniedAndWhatIsNotNearlyAlways() {
        var generator = SystemRandomNumberGenerator()
        var filter = KeyFilter(capacity: 10_000)
        let there = (0..<9_999).map { _ in Int64.random(in: .min ... .max, using: &generator) }
        for id in there { filter.insert(id) }
        #expect(!filter.isFull)
        #expect(there.allSatisfy { filter.mayContain($0) })
        let passed = (0..<10_000).count { _ in filter.mayContain(Int64.random(in: .min ... .max, using: &generator)) }
        #expect(passed < 500)
        filter.insert(Int64.random(in: .min ... .max, using: &generator))
        #expect(filter.isFull)
    }
}
