// Parsing and formatting of sizes, rates and durations.
import DaftModel
import Testing

@Suite struct SizesTests {
    @Test(
        arguments: [
            ("0", 0), ("4096", 4096), ("12B", 12), ("512k", 524_288), ("4M", 4_194_304), ("4MiB", 4_194_304),
            ("4 MiB", 4_194_304), ("1.5G", 1_610_612_736), ("1.5k", 1536), ("0.1M", 104_857), ("2T", 2_199_023_255_552),
            ("9223372036854775807", Int64.max), ("8388607T", 9_223_370_937_343_148_032),
        ] as [(String, Int64)])
    func areRead(text: String, bytes: Int64) {
        #expect(size(text.utf8) == bytes)
    }

    @Test(arguments: [
        "", "M", ".5M", "4.M", "1.5", "1.5B", "-1", "+1", " 4M", "4M ", "4  M", "4 ", "4MB", "4Mi", "4X", "0x10", "1e3",
        "9223372036854775808", "8388608T", "99999999999999999999", "1.1234567G", "1.5.5M", "4\u{301}", "1,5M",
    ])
    func areRefused(text: String) {
        #expect(size(text.utf8) == nil)
    }

    @Test(
        arguments: [
            (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (4 << 20, "4.0 MiB"),
            ((1 << 20) - 1, "1.0 MiB"), (1_048_525, "1.0 MiB"), (1_048_523, "1023.9 KiB"), (1_048_000, "1023.4 KiB"),
            (1 << 40, "1.0 TiB"), (.max, "8.0 EiB"),
        ] as [(Int64, String)])
    func areShown(bytes: Int64, text: String) {
        #expect(shown(size: bytes) == text)
    }

    @Test func areReadAsTheyAreShown() {
        for shift in 0..<40 { #expect(size(shown(size: 1 << shift).utf8) == 1 << shift) }
    }

    @Test func ratesAreSizesASecond() {
        #expect(shown(rate: 49_807_360) == "47.5 MiB/s")
        #expect(shown(rate: 0) == "0 B/s")
        #expect(shown(rate: 1e30) == "8.0 EiB/s")
        for rate in [Double.nan, .infinity, -1] { #expect(shown(rate: rate) == "-") }
    }

    @Test(arguments: [
        (Duration.zero, "0 ms"), (.milliseconds(412), "412 ms"), (.milliseconds(999), "999 ms"),
        (.milliseconds(1000), "1.0 s"), (.milliseconds(12_340), "12.3 s"), (.milliseconds(59_949), "59.9 s"),
        (.milliseconds(59_950), "1m00s"), (.seconds(125), "2m05s"), (.milliseconds(3_599_499), "59m59s"),
        (.milliseconds(3_599_500), "1h00m"), (.seconds(3720), "1h02m"), (.seconds(100 * 3600), "100h00m"),
        (.seconds(-5), "0 ms"), (.milliseconds(-5), "0 ms"), (.seconds(Int64.max), "305419896h36m"),
    ])
    func durationsAreShown(duration: Duration, text: String) {
        #expect(shown(duration) == text)
    }

    @Test(
        arguments: [
            ("1", 1), ("90", 90), ("90s", 90), ("10m", 600), ("24h", 86_400), ("7d", 604_800), ("007", 7),
            ("4294967295", .max),
        ] as [(String, UInt32)])
    func secondsAreRead(text: String, number: UInt32) {
        #expect(seconds(text.utf8) == number)
    }

    @Test(arguments: ["", "0", "0s", "s", "-1", "+1", " 1", "1 s", "1.5h", "1h30m", "4294967296", "1193047h", "1w"])
    func otherSecondsAreRefused(text: String) {
        #expect(seconds(text.utf8) == nil)
    }
}
