// The link of workstations keeps the contract of all links, and those who are not of the system get nothing.

import DaftCore
import DaftLink
import Glibc
import Synchronization
import Testing

@testable import DaftZMQ

/// Ranks in one process, each with a loop on a thread of its own.
final class Workstations: Sendable {
    let links: [ZMQLink]
    private let loops: [ZMQLoop]
    private let threads: [OwnThread]

    init(_ count: Int, encrypts: Bool = true, patience: Vigil.Patience = Vigil.Patience()) throws {
        let keys = try SystemKeys.random()
        var links: [ZMQLink] = []
        var loops: [ZMQLoop] = []
        for number in 0..<count {
            var part = ZMQLink.Part(rank: Rank(number), keys: keys)
            part.encrypts = encrypts
            part.patience = patience
            if number > 0 { part.metadataServer = ("127.0.0.1", links[0].talkPort) }
            loops.append(ZMQLoop())
            links.append(try ZMQLink(part, on: loops[number]))
        }
        self.links = links
        self.loops = loops
        threads = loops.map { loop in OwnThread("test-loop") { loop.run() } }
    }

    /// Until everybody knows everybody.
    func gather() async -> Bool {
        for _ in 0..<200 {
            if links.allSatisfy({ $0.ranks.count == links.count }) { return true }
            usleep(20_000)
        }
        return false
    }

    func stop(_ number: Int) {
        loops[number].stop()
        threads[number].join()
    }

    func close() {
        for loop in loops { loop.stop() }
        for thread in threads { thread.join() }
    }
}

@Suite(.serialized) struct LinkTests {
    @Test(arguments: [1, 2, 4], [true, false]) func theContractIsKept(ranks: Int, encrypts: Bool) async throws {
        let stations = try Workstations(ranks, encrypts: encrypts)
        defer { stations.close() }
        #expect(await stations.gather())
        let others = stations.links.dropFirst().map { link in link.loop.start { await LinkContract.serve(link) } }
        let first = stations.links[0]
        let broken = await first.loop.start { await LinkContract(first).run() }.value
        #expect(broken.isEmpty, "\(broken)")
        for other in others { await other.value }
    }
}
