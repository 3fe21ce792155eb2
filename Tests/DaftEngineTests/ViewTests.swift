// A view's messages, and its behaviour without a metadata server.

import DaftLink
import DaftModel
import DaftWire
import Synchronization
import Testing

@testable import DaftEngine

@Suite struct ViewTests {
    private static let chunkBytes = 4096
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    /// Read at n1, kept at n0.
    private func cluster(chunks: Int) async throws -> (Cluster, Name) {
        let cluster = try await scratch.cluster(["n0", "n1"])
        let source = try scratch.write("source", chunks * ViewTests.chunkBytes, seed: 3)
        let name = try Name.of("/file")
        #expect(await cluster.put(source, at: "n0", as: name).failures == [])
        return (cluster, name)
    }

    private func read(_ reader: any FileReader, at offset: Int, _ count: Int) async throws -> [UInt8] {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 16)
        defer { memory.deallocate() }
        let got = try await reader.read(Int64(offset)..<Int64(offset + count), into: memory)
        return Array(memory[..<got])
    }

    @Test func aRandomReadLoadsItsChunkAndNoOther() async throws {
        let (cluster, name) = try await cluster(chunks: 64)
        defer { cluster.close() }
        let bytes = try scratch.read("source")
        let view = try await Namespace(following: cluster.stations[2])
        let reader = try await view.open(name)
        for chunk in [40, 3, 57, 12, 30] {
            let (before, loaded) = (cluster.traffic.messages, cluster.traffic.supplied)
            let offset = chunk * ViewTests.chunkBytes + 100
            #expect(try await read(reader, at: offset, 1000) == Array(bytes[offset..<offset + 1000]))
            #expect(cluster.traffic.supplied - loaded == ViewTests.chunkBytes)
            // Three round trips; further messages belong to the follower.
            #expect(cluster.traffic.messages - before <= 6 + 4)
        }
    }

    @Test func aSequentialReadLoadsEachChunkOnceAndSomeInAdvance() async throws {
        let chunks = 64
        let (cluster, name) = try await cluster(chunks: chunks)
        defer { cluster.close() }
        let bytes = try scratch.read("source")
        let view = try await Namespace(following: cluster.stations[2])
        let reader = try await view.open(name)
        let piece = ViewTests.chunkBytes / 2
        var got: [UInt8] = []
        for offset in stride(from: 0, to: 4 * piece, by: piece) { got += try await read(reader, at: offset, piece) }
        let isAhead = await within(seconds: 10) { [traffic = cluster.traffic] in
            while traffic.supplied < 5 * ViewTests.chunkBytes { try? await Task.sleep(for: .milliseconds(1)) }
            return true
        }
        #expect(isAhead == true, "\(cluster.traffic.supplied) bytes were loaded for 2 chunks that were read")
        for offset in stride(from: 4 * piece, to: bytes.count, by: piece) {
            got += try await read(reader, at: offset, piece)
        }
        #expect(got == bytes)
        #expect(cluster.traffic.supplied == bytes.count)
    }

    @Test func readersOfOneContentShareItsChunks() async throws {
        let (cluster, name) = try await cluster(chunks: 32)
        defer { cluster.close() }
        let bytes = try scratch.read("source")
        let view = try await Namespace(following: cluster.stations[2])
        let readers = [try await view.open(name), try await view.open(name), try await view.open(name)]
        for offset in stride(from: 0, to: bytes.count, by: 1024) {
            for reader in readers {
                #expect(try await read(reader, at: offset, 1024) == Array(bytes[offset..<offset + 1024]))
            }
        }
        #expect(cluster.traffic.supplied == bytes.count)
    }

    /// Cached chunks are evicted when a command needs memory.
    @Test func readersThatHoldMemoryHoldUpNobody() async throws {
        let (cluster, name) = try await cluster(chunks: 64)
        defer { cluster.close() }
        let view = try await Namespace(following: cluster.stations[2])
        let station = cluster.stations[2]
        let reader = try await view.open(name)
        for offset in stride(from: 0, to: 16 * ViewTests.chunkBytes, by: 1024) {
            _ = try await read(reader, at: offset, 1024)
        }
        let pool = station.intake
        let all = await within(seconds: 10) { [pool] in
            var taken: [Slab] = []
            for _ in 0..<pool.totalBytes / pool.slabBytes { taken.append(await pool.take()) }
            return taken.count
        }
        #expect(all == pool.totalBytes / pool.slabBytes)
        #expect(try await read(reader, at: 0, 10) == Array(try scratch.read("source")[..<10]))
    }

    @Test func aViewSaysWhenTheMetadataServerIsGoneForTooLong() async throws {
        let (cluster, name) = try await cluster(chunks: 2)
        defer { cluster.close() }
        let view = try await Namespace(following: cluster.stations[2], patienceMilliseconds: 500)
        let before = try await view.attributes(of: name)
        cluster.kill(0)
        // For a while the replica still counts as current.
        #expect(try await view.attributes(of: name) == before)
        let failure = await within(seconds: 20) { () async -> Failure? in
            while true {
                do throws(Failure) { _ = try await view.version } catch { return error }
                try? await Task.sleep(for: .milliseconds(20))
            }
        }
        #expect(failure??.kind == .unreachable)
    }
}
