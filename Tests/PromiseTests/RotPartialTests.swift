// Partial data of an interrupted command, in partial/ or beside a get's target, is damaged before the command is
// repeated.

import DaftModel
import Foundation
import Glibc
import TestDisk
import Testing
import TestPrograms

extension RotTests {
    @Test func whatAnInterruptedCommandLeftIsNotTakenAsItWas() throws {
        var dice = Sequence64(Trials.seed)
        var flips = 0
        let trials = Trials.count(30, share: 1)
        for _ in 0..<trials {
            let system = try RotSystem(copies: 1)
            try system.write("big", noise(24_000_000))
            let partials = system.stores.map { "\($0)/.daft/partial" }
            for (command, places) in [
                ("put big", partials), ("bcast /big", partials), ("get /big --to out", [system.path]),
            ] {
                try interrupt(command, in: system, at: places, &dice)
                flips += try rot(places, &dice)
                let ended = try system.run(command)
                #expect(ended.status == 0, "\(command): \(ended)")
            }
            let files = system.stores.map { "\($0)/big" } + ["\(system.path)/out"]
            for file in files { #expect(isSame(file, "\(system.path)/big"), "\(file)") }
        }
        #expect(flips > 0)
        Trials.report(
            "bits rot, interrupted", "\(flips) flips in unfinished files of \(trials) put, bcast, get")
    }

    /// Interrupts a command when some of it has been written.
    private func interrupt(_ command: String, in system: RotSystem, at places: [String], _ dice: inout Sequence64)
        throws
    {
        let enough = Int64.random(in: 1_000_000...16_000_000, using: &dice)
        let before = unfinished(places)
        let running = try system.begin([command])
        running.wait { unfinished(places).contains { !before.contains($0) && allocated($0) > enough } }
        running.signal(SIGINT)
        _ = running.wait()
    }

    /// Flips bits in written ranges; returns how many.
    private func rot(_ places: [String], _ dice: inout Sequence64) throws -> Int {
        var flips = 0
        for file in unfinished(places) {
            let bytes = Int(allocated(file))
            guard bytes > 0 else { continue }
            // Data may be anywhere in the file; unwritten ranges stay holes.
            let data = dataBytes(file)
            for _ in 0..<10 {
                guard let range = data.randomElement(using: &dice) else { continue }
                try flip([Int.random(in: range.lowerBound * 8..<range.upperBound * 8, using: &dice)], of: file)
                flips += 1
            }
        }
        return flips
    }

    private func unfinished(_ places: [String]) -> [String] {
        places.flatMap { place in
            ((try? FileManager.default.contentsOfDirectory(atPath: place)) ?? [])
                .filter { place.hasSuffix("/partial") || $0.hasSuffix(".daft-partial") }.map { "\(place)/\($0)" }
        }
    }
}

private func allocated(_ file: String) -> Int64 {
    var status = stat()
    return lstat(file, &status) == 0 ? Int64(status.st_blocks) * 512 : 0
}

/// The data ranges of a file.
private func dataBytes(_ file: String) -> [Range<Int>] {
    let descriptor = open(file, O_RDONLY | O_CLOEXEC)
    defer { close(descriptor) }
    let (seekData, seekHole): (Int32, Int32) = (3, 4)
    var ranges: [Range<Int>] = []
    var start = lseek(descriptor, 0, seekData)
    while start >= 0 {
        let end = lseek(descriptor, start, seekHole)
        guard end > start else { break }
        ranges.append(Int(start)..<Int(end))
        start = lseek(descriptor, end, seekData)
    }
    return ranges
}

private func isSame(_ file: String, _ other: String) -> Bool {
    FileManager.default.contents(atPath: file) == FileManager.default.contents(atPath: other)
}
