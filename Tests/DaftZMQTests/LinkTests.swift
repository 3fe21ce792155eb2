// The link of workstations keeps the contract of all links, and those who are not of the system get nothing.

import DaftCore
import DaftLink
import Testing

@testable import DaftZMQ

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
