// The TCP ports that a system may listen on, such as those open in a firewall.

public struct PortRange: Hashable, Sendable {
    public let ports: ClosedRange<UInt16>

    public init?(_ first: UInt16, _ last: UInt16) {
        guard first > 0, first <= last else { return nil }
        ports = first...last
    }

    /// Parses `5000-5100`, or one port.
    public init?(_ text: some Collection<UInt8>) {
        let ends = text.split(separator: UInt8(ascii: "-"), maxSplits: 1, omittingEmptySubsequences: false)
        let numbers = ends.map { digits in
            digits.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
                ? UInt16(String(decoding: digits, as: UTF8.self)) : nil
        }
        guard let first = numbers[0], let last = numbers[numbers.count - 1] else { return nil }
        self.init(first, last)
    }

    public func contains(_ port: UInt16) -> Bool { ports.contains(port) }
}

extension PortRange: CustomStringConvertible {
    public var description: String { "\(ports.lowerBound)-\(ports.upperBound)" }
}
