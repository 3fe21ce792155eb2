// The view contract over the memory link and ZeroMQ, from every kind of rank. mpi-contract runs it over MPI.

import DaftEngine
import DaftLink
import DaftModel
import FileViewContract
import Foundation
import Testing

@Suite(.serialized) struct ViewTests {
    @Test(arguments: [(0, 1), (1, 2), (2, 0)]) func inMemory(at rank: Int, beside other: Int) async throws {
        let place = try Place()
        let system = try await LocalSystem.start(place.settings(dataServers: 2))
        defer { system.close() }
        #expect(try await broken(at: system.stations[rank], beside: system.stations[other]) == [])
    }

    @Test(arguments: [(0, 1), (1, 2), (2, 0)]) func overZeroMQ(at rank: Int, beside other: Int) async throws {
        let place = try Place()
        let nodes = try await Nodes(place.settings(dataServers: 2))
        defer { nodes.close() }
        #expect(try await broken(at: nodes.stations[rank], beside: nodes.stations[other]) == [])
    }

    @Test func aWrongByteIsFound() async throws {
        let place = try Place()
        let system = try await LocalSystem.start(place.settings(dataServers: 1))
        defer { system.close() }
        let view = LyingView(view: try await Namespace(following: system.metadataServer))
        let broken = await FileViewContract(view, beside: view, chunkBytes: Place.chunkSize.bytes).run()
        #expect(broken.contains { $0.hasPrefix("what is written is read: other bytes") }, "\(broken)")
        #expect(broken.contains { $0.hasPrefix("many read at once") }, "\(broken)")
        #expect(broken.count < FileViewContract.names.count, "\(broken)")
    }

    private func broken(at station: Station, beside other: Station) async throws -> [String] {
        let view = try await Namespace(following: station)
        let beside = try await Namespace(following: other)
        return await FileViewContract(view, beside: beside, chunkBytes: Place.chunkSize.bytes).run()
    }
}

/// Temporary stores and a catalogue.
final class Place: Sendable {
    static let chunkSize = ChunkSize(64 << 10) ?? .standard
    let path = "/tmp/daft-view-\(UInt64.random(in: 0 ... .max))"

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    func settings(dataServers count: Int) -> [Settings] {
        let stores = (0..<count).map { Settings(host: "n\($0)", store: Array("\(path)/store\($0)".utf8)) }
        var all = [Settings(host: "n0", catalogue: path + "/catalogue")] + stores
        for rank in all.indices { all[rank].chunkSize = Place.chunkSize }
        all[0].expectedServers = count
        return all
    }
}

/// A view whose readers corrupt a byte; the contract must detect it.
private struct LyingView: FileView {
    let view: Namespace

    var version: ViewVersion { get async throws(Failure) { try await view.version } }

    func attributes(of name: Name) async throws(Failure) -> Attributes { try await view.attributes(of: name) }

    func entries(of directory: Name, after: Name?, limit: Int) async throws(Failure) -> [DirectoryEntry] {
        try await view.entries(of: directory, after: after, limit: limit)
    }

    func open(_ name: Name) async throws(Failure) -> any FileReader { LyingReader(reader: try await view.open(name)) }

    func create(_ name: Name, _ options: CreateOptions) async throws(Failure) -> any FileWriter {
        try await view.create(name, options)
    }

    func change(_ change: NamespaceChange) async throws(Failure) { try await view.change(change) }
}

private struct LyingReader: FileReader {
    let reader: any FileReader
    var attributes: Attributes { reader.attributes }

    func read(_ range: Range<Int64>, into memory: UnsafeMutableRawBufferPointer) async throws(Failure) -> Int {
        let count = try await reader.read(range, into: memory)
        if count > 0 { memory[0] ^= 1 }
        return count
    }

    func localFile() async -> LocalFile? { nil }
}
