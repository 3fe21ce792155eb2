// Progress of commands, as shown and as seen by other ranks.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftWire
import Foundation
import Testing

@testable import DaftEngine

@Suite struct ProgressTests {
    /// A batch of small files takes less than the poll interval.
    @Test func whatIsCountedAtTheEndIsAll() async throws {
        let scratch = try Scratch()
        for i in 0..<1_200 { try scratch.write("src/d\(i / 100)/f\(i)", 100, seed: UInt64(i + 1)) }
        let cluster = try await scratch.cluster(["n0", "n1"])
        defer { cluster.close() }
        let source = Array(scratch["src"].utf8)
        let (put, seen) = await cluster.run { session in
            (await session.put([source]), session.commandProgress.now.progress)
        }
        #expect(put.failures.isEmpty && put.files == 1_200)
        #expect(seen == Progress(bytes: 120_000, totalBytes: 120_000, files: 1_200, totalFiles: 1_200))
    }

    @Test func othersLearnWhatIsPublishedWhileMoreIs() async throws {
        let scratch = try Scratch()
        let cluster = try await scratch.cluster(["n0", "n1", "n2"])
        defer { cluster.close() }
        let (told, states) = await cluster.run { session in
            let station = session.station
            let word = CatalogueNotifier(from: session, lag: 3)
            var states: [State] = []
            for directory in ["/a", "/b", "/c"] {
                let entry = NamedEntry(
                    try! Name(directory), Entry(.directory, mode: 0o755, mtime: Time(seconds: 1, nanoseconds: 0)))
                let publication = Publication(entries: [entry], contents: [])
                guard case .published(let state, _) = try? await station.ask(.publish(publication), at: .metadataServer)
                else { return (0, states) }
                word.note(state)
                states.append(state)
            }
            let others = cluster.stations.filter { $0.rank != .metadataServer && $0.rank != station.rank }
            for _ in 0..<500 where !others.allSatisfy({ $0.catalogue.head.state == states[2] }) {
                await station.loop.sleep(milliseconds: 10)
            }
            return (others.count { $0.catalogue.head.state == states[2] }, states)
        }
        #expect(states.count == 3 && told == 3)
    }
}
