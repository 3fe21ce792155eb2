// The workstation link keeps the link contract and rejects strangers.

import DaftLink
import DaftModel
import Testing
import ZMQFaults

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

    /// A piece is sent in three parts. If its end cannot be sent, the message is terminated and sent whole at a later
    /// heartbeat: the load neither fails nor hangs, and no part is taken for something else.
    @Test(arguments: [(1, 0), (0, 1), (5, 5)]) func aPieceOfWhichAPartCannotBeSentIsSentAgain(
        headers: Int32, bodies: Int32
    ) async throws {
        let stations = try Workstations(2, beatMilliseconds: 100)
        defer { stations.close() }
        #expect(await stations.gather())
        let (first, second) = (stations.links[0], stations.links[1])
        let other = second.loop.start { await LinkContract.serve(second) }
        zmq_faults_fail(headers, bodies)
        defer { zmq_faults_fail(0, 0) }
        let broken = await first.loop.start {
            await LinkContract(first).run([
                "bytes land in their places and nowhere else", "many runs can be under way both ways",
            ])
        }.value
        #expect(broken.isEmpty, "\(broken)")
        #expect(zmq_faults_left() == 0)
        await other.value
    }
}
