// Rate limits: rsync's syntax, and the token bucket.
import DaftModel
import Testing

@Suite struct RateLimitTests {
    /// As in rsync, but to the byte instead of the KiB.
    @Test(
        arguments: [
            ("1", 1 << 10), ("500", 512_000), ("1b", nil), ("100b", nil), ("511B", nil), ("512b", 1024),
            ("2000b", 2000), ("1k", 1 << 10), ("1KB", 1024), ("5M", 5 << 20), ("5MB", 5_000_000), ("1.5m", 1_572_864),
            ("1.5MiB", 1_572_864), ("1.5MB", 1_500_000), ("2g", 2 << 30), ("1t", 1 << 40), ("1P", 1 << 50),
            ("1.m", 1 << 20), (".5m", 1 << 19), ("0.5", 1024), ("99999999999P", ByteRate.most),
        ] as [(String, Int64?)])
    func ratesAreRsyncs(text: String, bytes: Int64?) {
        #expect(ByteLimit(text.utf8)?.rate?.bytesPerSecond == bytes)
    }

    @Test(arguments: ["0", "0.0", "0b", "0M", "000"])
    func zeroIsNoLimit(text: String) { #expect(ByteLimit(text.utf8) == ByteLimit.none) }

    @Test(arguments: [
        "", "M", ".", "..5", "1.5.5M", "-1", "+1", "1x", "5 M", "5M ", "1e6", "1ki", "1mb/s", "1,5M", "１M",
    ])
    func whatIsNoRateIsRefused(text: String) { #expect(ByteLimit(text.utf8) == nil) }

    private static let second: UInt64 = 1_000_000_000

    @Test func bytesWaitUntilTheyHaveHadTheirTime() throws {
        var pace = TokenBucket(try #require(ByteRate(1 << 20)), now: 5 * Self.second)
        #expect(pace.reserve(1 << 20, now: 5 * Self.second) == 6 * Self.second)
        #expect(pace.reserve(1 << 19, now: 5 * Self.second) == 6 * Self.second + Self.second / 2)
        #expect(pace.reserve(0, now: 5 * Self.second) == 6 * Self.second + Self.second / 2)
    }

    @Test func idleTimeIsWorthAMomentAndNoMore() throws {
        var pace = TokenBucket(try #require(ByteRate(1 << 20)), now: 0)
        let now = 3600 * Self.second
        #expect(pace.reserve(1 << 20, now: now) == now + Self.second - TokenBucket.slack)
        #expect(pace.reserve(1 << 20, now: now) == now + 2 * Self.second - TokenBucket.slack)
    }

    /// No window exceeds the rate by more than one piece and the slack.
    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func noWindowHasMoreThanTheRate(seed: UInt64) throws {
        var state = seed &* 0x9E37_79B9_7F4A_7C15
        func random(_ limit: UInt64) -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 33) % limit
        }
        let rate = try #require(ByteRate(Int64(1024 + random(1 << 26))))
        let largest = 1 + random(4 << 20)
        var pace = TokenBucket(rate, now: 7)
        var now: UInt64 = 7
        var gone: [(time: UInt64, bytes: Double)] = []
        for _ in 0..<150 {
            now += random(4) == 0 ? random(20 * Self.second) : random(Self.second / 10)
            let bytes = 1 + random(largest)
            gone.append((pace.reserve(Int64(bytes), now: now), Double(bytes)))
        }
        for first in gone.indices {
            var sum = 0.0
            for last in first..<gone.count {
                sum += gone[last].bytes
                let time = Double(gone[last].time - gone[first].time + TokenBucket.slack) / 1e9
                #expect(sum <= time * Double(rate.bytesPerSecond) * 1.000_001 + Double(largest))
            }
        }
    }

    @Test func timesDoNotOverflow() throws {
        let (slow, fast) = (try #require(ByteRate(ByteRate.least)), try #require(ByteRate(ByteRate.most)))
        #expect(slow.time(for: 1024) == Self.second && slow.time(for: 0) == 0 && slow.time(for: -5) == 0)
        #expect(fast.time(for: 1) == 1 && slow.time(for: .max) == slow.time(for: 1 << 50))
        #expect(ByteRate(1023) == nil && ByteRate(ByteRate.most + 1) == nil)
        var pace = TokenBucket(slow, now: .max - 1)
        for _ in 0..<20 { #expect(pace.reserve(.max, now: .max - 1) == .max) }
    }
}
