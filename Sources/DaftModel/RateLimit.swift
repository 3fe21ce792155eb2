// Rate limits in the syntax of rsync's --bwlimit, and a token bucket. The bucket is passed the time.

/// Bytes per second.
public struct ByteRate: Hashable, Sendable {
    /// The minimum, as in rsync.
    public static let least: Int64 = 1024
    /// The maximum, so that sums of times do not overflow.
    public static let most: Int64 = 1 << 60

    public let bytesPerSecond: Int64

    public init?(_ bytesPerSecond: Int64) {
        guard (ByteRate.least...ByteRate.most).contains(bytesPerSecond) else { return nil }
        self.bytesPerSecond = bytesPerSecond
    }

    /// Nanoseconds, rounded up; bytes are capped at a pebibyte.
    public func time(for bytes: Int64) -> UInt64 {
        let bytes = UInt64(min(max(0, bytes), 1 << 50))
        let rate = UInt64(bytesPerSecond)
        let (high, low) = bytes.multipliedFullWidth(by: 1_000_000_000)
        if high >= rate { return .max / 2 }
        let (quotient, remainder) = rate.dividingFullWidth((high, low))
        return min(quotient, .max / 2) + (remainder > 0 ? 1 : 0)
    }
}

/// A rate limit as given by a user.
public enum ByteLimit: Hashable, Sendable {
    case none
    case rate(ByteRate)

    /// Parses `500`, `500K`, `1.5M`, `10MB`, `1GiB`: K is 1024 and the default, KB is 1000, B is one; 0 means no limit.
    /// Nil for anything else and for less than half the minimum.
    public init?(_ text: some Collection<UInt8>) {
        let isOfNumber = { (byte: UInt8) in (48...57).contains(byte) || byte == UInt8(ascii: ".") }
        let number = String(decoding: text.prefix(while: isOfNumber), as: UTF8.self)
        let suffix = String(decoding: text.drop(while: isOfNumber), as: UTF8.self).lowercased()
        guard number.contains(where: { $0 != "." }),
            let amount = Double("0\(number)" + (number.last == "." ? "0" : "")),
            let unit = ByteLimit.unit(suffix.isEmpty ? "k" : suffix)
        else { return nil }
        let bytes = amount * unit
        if bytes == 0 {
            self = .none
            return
        }
        guard bytes * 2 >= Double(ByteRate.least) else { return nil }
        let whole = max(ByteRate.least, Int64(min(bytes.rounded(), Double(ByteRate.most))))
        guard let rate = ByteRate(whole) else { return nil }
        self = .rate(rate)
    }

    public var rate: ByteRate? { if case .rate(let rate) = self { rate } else { nil } }

    private static func unit(_ suffix: String) -> Double? {
        if suffix == "b" { return 1 }
        guard let letter = suffix.first, let index = Array("kmgtp").firstIndex(of: letter) else { return nil }
        let base: Double
        switch suffix.dropFirst() {
        case "", "ib": base = 1024
        case "b": base = 1000
        default: return nil
        }
        return (0...index).reduce(1) { product, _ in product * base }
    }
}

/// A token bucket: bytes never exceed the rate times the elapsed time. After idling, a burst of at most `slack` is
/// allowed.
public struct TokenBucket: Sendable {
    /// The burst, in nanoseconds.
    public static let slack: UInt64 = 100_000_000

    public let rate: ByteRate
    /// When everything reserved so far will have had its time.
    private var taken: UInt64

    public init(_ rate: ByteRate, now: UInt64) {
        self.rate = rate
        taken = now
    }

    /// The time from which these bytes may go, after everything reserved before.
    public mutating func reserve(_ bytes: Int64, now: UInt64) -> UInt64 {
        let begin = max(taken, now - min(now, TokenBucket.slack))
        let (end, isTooLate) = begin.addingReportingOverflow(rate.time(for: bytes))
        taken = isTooLate ? .max : end
        return taken
    }
}

extension ByteWriter {
    public mutating func rate(_ rate: ByteRate?) { u64(UInt64(rate?.bytesPerSecond ?? 0)) }
}

extension ByteReader {
    public mutating func rate() throws(Malformed) -> ByteRate? {
        let start = offset
        let number = try u64()
        if number == 0 { return nil }
        guard let rate = Int64(exactly: number).flatMap(ByteRate.init) else { throw Malformed("rate", at: start) }
        return rate
    }
}
