// What seeds have taught, each told again as the shortest story that shows it.

import DaftCore
import DaftEngine
import Glibc
import Testing

@Suite struct LessonTests {
    private func cluster(dataServers: Int, sources: [UInt8] = Array("some bytes".utf8)) throws -> Cluster {
        var layout = Layout()
        layout.dataServers = dataServers
        let cluster = Cluster(layout, seed: 1, flaws: Flaws())
        write([[]: Leaf(kind: .file(sources), mode: 0o644, mtime: .zero)], to: cluster.base + "/source")
        #expect(try cluster.startDead().isEmpty)
        return cluster
    }

    @Test func aUserOfADataServerGetsWhatOnlyThatOneKeeps() throws {
        let cluster = try cluster(dataServers: 2)
        let (source, target) = (Array("\(cluster.base)/source".utf8), Array("\(cluster.base)/target".utf8))
        let name = try Name("/source")
        let server = cluster.ranks[2]
        let report = try cluster.result(at: server) { station in
            _ = await Session(at: station).put([source])
            return await Session(at: station).get([name], to: target)
        }
        #expect(report?.failures == [])
        #expect(report?.moved == 0)
        #expect(read("\(cluster.base)/target") == read("\(cluster.base)/source"))
    }
}
