// Message framing: round trips, with repetitive messages compressed.
import DaftModel
import Testing

@testable import DaftLink

@Suite struct EnvelopeTests {
    private let words = Array(String(repeating: "/set/of/files/number ", count: 1_000).utf8)

    private func noise(_ count: Int) -> [UInt8] {
        var word: UInt64 = 7
        return (0..<count).map { _ in
            word = word &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: word >> 40)
        }
    }

    @Test func whatGoesInComesOut() throws {
        for payload in [[], [1], words, noise(20_000), Array(words[..<4_095]), Array(words[..<4_096])] {
            let envelope = Envelope(.call, 9, payload)
            let back = try Envelope(decoding: envelope.encoded)
            #expect(back == envelope)
        }
    }

    @Test func muchOfTheSameTakesFewBytes() {
        #expect(Envelope(.call, 9, words).encoded.count < words.count / 20)
        #expect(Envelope(.call, 9, noise(20_000)).encoded.count == 20_000 + Envelope.minimumSize)
    }

    @Test(arguments: [2 << 20, 64 << 20]) func aMessageThatUnpacksToFarMoreThanItIsIsMalformed(count: Int) {
        let bomb = frame([UInt8](repeating: 0, count: count))
        var writer = ByteWriter()
        writer.u8(Envelope.version)
        writer.u8(Envelope.Kind.call.rawValue)
        writer.u64(1)
        writer.flag(true)
        writer.run(bomb)
        let end = writer.bytes.count
        #expect(throws: Malformed("size of a packed message", at: end)) { try Envelope(decoding: writer.bytes) }
    }

    @Test func whatWouldGetFarSmallerTravelsAsItIs() throws {
        let zeros = Envelope(.call, 1, [UInt8](repeating: 0, count: 2 << 20))
        #expect(zeros.encoded.count > 2 << 20)
        #expect(try Envelope(decoding: zeros.encoded) == zeros)
    }

    @Test func aSpoiltPackingIsMalformed() {
        var bytes = Envelope(.call, 9, words).encoded
        bytes.removeLast()
        #expect(throws: Malformed.self) { try Envelope(decoding: bytes) }
        for index in 14..<bytes.count {
            var spoilt = Envelope(.call, 9, words).encoded
            spoilt[index] ^= 0xff
            // It may decode to other bytes, which the message inside then refuses; it never traps.
            _ = try? Envelope(decoding: spoilt)
        }
    }
}
