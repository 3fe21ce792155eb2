// A sparse file costs as much as its data, not its length.

import Foundation
import Glibc
import Testing
import TestPrograms

@Suite(.serialized) struct BoundsSparseTests {
    private static let size = 100 << 30
    private static let putSeconds = Trials.areAll ? 15.0 : 60.0
    private static let memoryBytes = 256 << 20
    private static let storedBytes = 2 << 20

    @Test func aSparseFileOf100GiBTakesTwoMebibytesOfEachDisk() throws {
        let scratch = try BoundsScratch()
        let bytes = try noise(100_000)
        let places = [0, 50 << 30 + 4_000_000, BoundsSparseTests.size - bytes.count]
        try write(bytes, at: places, to: scratch["sparse"])
        let copies = ["put": "store/sparse", "bcast": "store.1/sparse", "get": "got"]
        for arguments in [["put", "sparse"], ["bcast", "/sparse"], ["get", "/sparse", "--to", "got"]] {
            let measured = measure(try scratch.job(arguments), below: scratch.path, seconds: 300)
            #expect(measured.ended.status == 0, "\(measured.ended)")
            #expect(measured.peakBytes <= BoundsSparseTests.memoryBytes, "\(arguments): \(measured.processes)")
            if arguments[0] == "put" { #expect(measured.seconds <= BoundsSparseTests.putSeconds) }
            let copy = scratch[try #require(copies[arguments[0]])]
            let stored = allocatedBytes(copy)
            #expect((0...BoundsSparseTests.storedBytes).contains(stored), "\(copy): \(stored) B")
            #expect(try sizeInBytes(copy) == BoundsSparseTests.size)
            for place in places { #expect(try read(copy, at: place, bytes.count) == bytes, "\(copy) at \(place)") }
            Trials.report(
                "bounded",
                "\(arguments[0]) of a sparse file of 100 GiB: \(fixed(measured.seconds)) s, "
                    + "\(stored >> 10) KiB stored, \(measured.peakBytes >> 20) MiB")
        }
    }

    private func write(_ bytes: Data, at places: [Int], to path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT, 0o644)
        defer { close(descriptor) }
        for place in places {
            let count = bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, off_t(place)) }
            try #require(count == bytes.count)
        }
    }

    private func sizeInBytes(_ path: String) throws -> Int {
        var status = stat()
        try #require(lstat(path, &status) == 0)
        return Int(status.st_size)
    }

    private func read(_ path: String, at place: Int, _ count: Int) throws -> Data {
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        defer { try? file.close() }
        try file.seek(toOffset: UInt64(place))
        return try file.read(upToCount: count) ?? Data()
    }
}
