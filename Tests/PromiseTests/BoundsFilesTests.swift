// Ten times as many files cost ten times as much, in bounded memory.

import Foundation
import Glibc
import Testing
import TestPrograms

@Suite(.serialized) struct BoundsFilesTests {
    private static let most = Trials.areAll ? 1_000_000 : 4_000
    private static let memoryBytes = 256 << 20
    private static let descriptors = 200
    private static let threads = 16
    /// Journals of catalogue and stores, and files without names yet.
    private static let temporaryBytes = 512 << 20
    private static let timesAsLong = 12.0

    @Test func tenTimesAsManyFilesTakeAtMostTwelveTimesAsLong() throws {
        // Both are removed at the end: for five minutes ext4 searches past recently freed inodes.
        let (first, second) = (try BoundsScratch(), try BoundsScratch())
        let few = try commands(on: BoundsFilesTests.most / 10, in: first)
        let many = try commands(on: BoundsFilesTests.most, in: second)
        for ((name, small), large) in zip(zip(["put", "bcast", "get"], few), many) {
            let (processor, seconds) = (
                large.processorSeconds / small.processorSeconds, large.seconds / small.seconds
            )
            #expect(processor <= BoundsFilesTests.timesAsLong, "\(name): processor time")
            // Runs of a few hundred files are short, and other tests compete for the processor.
            let isSoLong = seconds <= BoundsFilesTests.timesAsLong || !Trials.areAll
            #expect(isSoLong, "\(name): \(small.seconds) s, then \(large.seconds) s")
            Trials.report(
                "bounded",
                "\(name) of \(BoundsFilesTests.most) files: \(shown(large)); "
                    + "\(fixed(seconds)) × the time of a tenth, \(fixed(processor)) × the processor time")
        }
    }

    /// Runs put, bcast and get of this many files.
    private func commands(on files: Int, in scratch: BoundsScratch) throws -> [Measured] {
        try makeTree(scratch["tree"], files)
        return try [["put", scratch["tree"]], ["bcast", "/tree"], ["get", "/tree", "--to", scratch["got"]]].map {
            let measured = measure(try scratch.job($0), below: scratch.path, seconds: 900)
            #expect(measured.ended.status == 0, "\(measured.ended)")
            #expect(measured.ended.output.hasPrefix("/tree: \(files) files"), "\(measured.ended)")
            for (process, footprint) in measured.processes {
                #expect(footprint.peakBytes <= BoundsFilesTests.memoryBytes, "\($0[0]) \(process): \(footprint)")
                #expect(footprint.descriptors <= BoundsFilesTests.descriptors, "\($0[0]) \(process): \(footprint)")
                #expect(footprint.threads <= BoundsFilesTests.threads, "\($0[0]) \(process): \(footprint)")
            }
            #expect(measured.temporaryBytes <= BoundsFilesTests.temporaryBytes, "\($0[0])")
            return measured
        }
    }

    private func shown(_ measured: Measured) -> String {
        "\(fixed(measured.seconds)) s, \(measured.peakBytes >> 20) MiB, \(measured.descriptors) descriptors, "
            + "\(measured.threads) threads, \(measured.temporaryBytes >> 20) MiB of temporary disk"
    }
}

/// Distinct files, a thousand per directory.
private func makeTree(_ tree: String, _ files: Int) throws {
    var word = UInt64.random(in: 1 ... .max)
    for file in 0..<files {
        let directory = tree + "/d\(file / 1000)"
        if file % 1000 == 0 {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        }
        let words = (0..<128).map { _ in
            word = word &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return word
        }
        let descriptor = open(directory + "/f\(file)", O_WRONLY | O_CREAT | O_EXCL, 0o644)
        defer { close(descriptor) }
        let count = words.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        try #require(count == 1024)
    }
}

func fixed(_ number: Double) -> String { String(format: "%.1f", number) }
