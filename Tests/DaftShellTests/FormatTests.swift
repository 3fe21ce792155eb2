// Human-readable output: columns, times, progress, and summaries.

import DaftCommand
import DaftModel
import DaftWire
import Testing

@testable import DaftEngine
@testable import DaftShell

extension OutputStyle {
    fileprivate static var objects: OutputStyle {
        var style = OutputStyle()
        style.json = true
        return style
    }
}

@Suite struct FormatTests {
    @Test func columnsStandUnderOneAnotherAndTheLastIsNotPadded() {
        let text = aligned([["a", "1", "x"], ["bbb", "22", "yy"]], right: [1])
        #expect(text == "a     1  x\nbbb  22  yy\n")
        #expect(aligned([]) == "")
    }

    @Test func coloursTakeNoRoomAndAreLeftOutWhereNoneAreWanted() {
        var style = OutputStyle()
        let rows = [[Tinted("ab", .bad), Tinted("x")], [Tinted("c"), Tinted("y", .directory)]]
        #expect(aligned(rows, style) == "ab  x\nc   y\n")
        style.isColoured = true
        #expect(aligned(rows, style) == "\u{1b}[01;31mab\u{1b}[0m  x\nc   \u{1b}[01;34my\u{1b}[0m\n")
        style.exactSizes = true
        #expect(style.size(2048) == "2048" && style.amount(2048) == "2048 B" && OutputStyle().amount(2048) == "2.0 KiB")
    }

    @Test func permissionBitsLookAsInLs() {
        #expect(shown(mode: 0o644, of: .directory) == "drw-r--r--")
        #expect(shown(mode: 0o7777, of: .symlink([1])) == "lrwsrwsrwt")
        #expect(shown(mode: 0o6000, of: .directory) == "d--S--S---")
        #expect(shown(mode: 0o1754, of: .directory) == "drwxr-xr-T")
        #expect(octal(0o7) == "0007")
        #expect(octal(0o4755) == "4755")
    }

    @Test func timesAreLocalForPeopleAndUniversalForPrograms() {
        let time = Time(seconds: 981_173_106, nanoseconds: 1_000)
        #expect(universal(time) == "2001-02-03T04:05:06.000001000Z")
        #expect(universal(Time(seconds: -1, nanoseconds: 0)) == "1969-12-31T23:59:59.000000000Z")
        #expect(shown(time).count == 19)
        #expect(shownExactly(time).hasPrefix(shown(time) + ".000001000 "))
    }

    @Test(arguments: [
        (Progress(bytes: 0, totalBytes: 4 << 20), nil, "0 B of 4.0 MiB"),
        (
            Progress(bytes: 1 << 20, totalBytes: 4 << 20, files: 1, totalFiles: 3), 1_048_576.0,
            "1.0 MiB of 4.0 MiB, 1 of 3 files, 1.0 MiB/s, 3.0 s left"
        ),
        (Progress(bytes: 5, totalBytes: 5, files: 1, totalFiles: 1), 5.0, "5 B, 1 file, 5 B/s"),
        (Progress(bytes: 9, totalBytes: 0), 0.0, "9 B"),
    ])
    func progressSaysBytesFilesRateAndTimeLeft(progress: Progress, rate: Double?, text: String) {
        #expect(shown(progress, rate: rate) == text)
    }

    @Test func whatIsLeftIsWhatTheSlowestReceiverLacks() {
        let average = Progress(bytes: 3 << 20, totalBytes: 4 << 20)
        #expect(shown(average, rate: 1_048_576, reached: 1 << 20) == "3.0 MiB of 4.0 MiB, 1.0 MiB/s, 3.0 s left")
    }

    @Test func theSlowestDataServerIsNoSlowerThanTheWhole() {
        let stopwatch = Stopwatch()
        // Two overlapping orders of one data server, and a later third.
        stopwatch.begin(2, at: 1_000)
        stopwatch.begin(2, at: 2_000)
        stopwatch.end(2, at: 6_000)
        stopwatch.end(2, at: 7_000)
        stopwatch.begin(2, at: 8_000)
        stopwatch.end(2, at: 9_000)
        #expect(stopwatch.total(of: 2) == 7_000)
    }

    @Test func theRateIsThatOfTheLastSeconds() {
        var rate = RecentRate()
        #expect(rate.note(0, at: 0) == nil)
        #expect(rate.note(100, at: 1_000_000_000) == 100)
        #expect(rate.note(100, at: 6_000_000_000) == 0)
        #expect(rate.note(1_100, at: 16_000_000_000) == 100)
    }

    /// A slow command gets a chunk every few seconds, so the last one alone must not determine the rest.
    @Test func theRateOfALimitedCommandIsThatOfSeveralChunks() {
        var rate = RecentRate(over: 10_000_000_000)
        for tick: UInt64 in 0...100 { _ = rate.note(Int64(tick / 10) * 1_000, at: tick * 1_000_000_000) }
        let now = rate.note(10_000, at: 105_000_000_000) ?? 0
        #expect((75...125).contains(now), "\(now)")
    }

    @Test func whereAFileIsIsSaidInWords() {
        func listed(_ complete: [String], _ partly: [String] = [], away: [String] = [], all: Bool = false) -> String {
            shownHolders(
                of: ListedEntry(
                    name: .root, entry: Entry(.directory, mode: 0, mtime: .zero), size: 0, chunks: 0,
                    complete: complete, partly: partly, away: away, isEverywhere: all, copies: .one))
        }
        #expect(listed(["n0", "n1"]) == "n0 n1")
        #expect(listed(["n0", "n1"], all: true) == "all 2 nodes")
        #expect(listed(["n:1", "n:2"], all: true) == "all 2 data servers")
        #expect(listed(["n0"], all: true) == "n0")
        #expect(listed(["n0"], ["n1"]) == "n0, part: n1")
        #expect(listed([], away: ["n4"]) == "away: n4")
        #expect(listed([]) == "nowhere")
    }

    @Test func aSummarySaysWhatWasDoneAndNothingWhereNothingWas() throws {
        var report = Report()
        report.names = [try Name("/a"), try Name("/b\n")]
        (report.files, report.bytes, report.moved, report.servers) = (7, 2048, 0, ["n0"])
        let put = Command.put(sources: [], host: nil, as: nil)
        #expect(
            summary(of: report, put, took: .milliseconds(412), OutputStyle())
                == "/a, /b\\n: 7 files, 2.0 KiB published on n0, 0 B moved, 412 ms\n")
        #expect(
            summary(of: report, .get([], to: Array("out".utf8)), took: .seconds(2), OutputStyle())
                == "/a, /b\\n: 7 files, 2.0 KiB written to out, 0 B moved, 2.0 s\n")
        #expect(summary(of: report, .ls([], .names), took: .zero, .objects) == nil)
        report.slowest = Report.Slowest(server: "n3", time: .milliseconds(1_500))
        #expect(
            summary(of: report, put, took: .seconds(2), OutputStyle(), isLog: true)
                == "/a, /b\\n: 7 files, 2.0 KiB published on n0, 0 B moved, 2.0 s, 1.0 KiB/s, slowest n3 in 1.5 s\n")
        let row = summary(of: report, put, took: .seconds(2), .objects) ?? ""
        #expect(row.contains("\"bytesPerSecond\":1024,") && row.contains("\"slowest\":\"n3\","), "\(row)")
        #expect(row.contains("\"slowestMilliseconds\":1500"), "\(row)")
        report.files = 0
        report.failures = [Failure(.taken, [], "no")]
        #expect(summary(of: report, put, took: .zero, OutputStyle()) == nil)
    }
}
