// A store removed under a running node: its process ends and can be started again.

import Foundation
import Glibc
import Testing
import TestPrograms

@Suite(.serialized) struct LossTests {
    /// A client at the metadata server's door.
    private func daft(_ site: Site, _ words: String...) throws -> Ended {
        try Running(
            builtProgram("daft"), ["--catalogue", site.path + "/catalogue"] + words, in: site.path,
            variables: ["HOME=\(site.path)", "TMPDIR=\(site.path)"], input: "/dev/null",
            output: site.path + "/client.out", errors: site.path + "/client.err"
        ).wait()
    }

    @Test func aNodeWhoseStoreIsRemovedEndsAndIsStartedAgain() throws {
        let site = try Site()
        #expect(try site.run("start", try site.hosts("n1", "n2")).status == 0)
        let tmp = site.path + "/tmp-n2"
        let names = try FileManager.default.contentsOfDirectory(atPath: tmp)
        let store = tmp + "/" + (try #require(names.first { $0.hasPrefix("daft-") }))
        try FileManager.default.removeItem(atPath: store)
        let bcast = try daft(site, "bcast", "hosts")
        #expect(bcast.status == 1 && bcast.errors.contains("n2:\(store): the store is gone"), "\(bcast)")
        #expect(!bcast.errors.contains("n2:hosts"), "\(bcast)")
        let status = try daft(site, "status")
        #expect(status.output.contains("data servers  1 alive, 1 away"), "\(status)")
        let deadline = Date().addingTimeInterval(10)
        while site.nodes.count > 2, Date() < deadline { usleep(20_000) }
        #expect(site.nodes.count == 2)
        let again = try site.run("start", site.path + "/hosts")
        #expect(again.status == 0 && again.errors.contains("2 of 2 data servers run"), "\(again)")
        #expect(try daft(site, "bcast", "hosts").status == 0)
        #expect(try daft(site, "quit").status == 0)
    }

    @Test func whereTheCatalogueIsRemovedAllNodesEnd() throws {
        let site = try Site()
        #expect(try site.run("start", try site.hosts("n1")).status == 0)
        try FileManager.default.removeItem(atPath: site.path + "/catalogue/catalogue.sqlite")
        let list = try daft(site, "bcast", "hosts")
        #expect(list.status == 1 && list.errors.contains("the catalogue is gone"), "\(list)")
        let deadline = Date().addingTimeInterval(10)
        while !site.nodes.isEmpty, Date() < deadline { usleep(20_000) }
        #expect(site.nodes == [])
        #expect(site.text(site.path + "/catalogue/log").contains("the catalogue is gone"))
    }
}
