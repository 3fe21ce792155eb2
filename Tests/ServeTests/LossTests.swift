// A store or catalogue removed while a job serves.

import Foundation
import Testing
import TestPrograms

@Suite(.serialized, .timeLimit(.minutes(2))) struct LossTests {
    @Test func aDataServerWhoseStoreIsRemovedIsAwayAndTheJobGoesOn() throws {
        let job = try Job()
        try job.serve()
        try job.write("a", Data("a".utf8))
        let gone = job.store + ".1"
        try FileManager.default.removeItem(atPath: gone)
        let bcast = try job.daft("bcast", "a")
        #expect(bcast.status == 1 && bcast.errors.contains("\(gone): the store is gone: somebody removed"), "\(bcast)")
        #expect(!bcast.errors.contains("here/a:"), "\(bcast)")
        #expect(FileManager.default.contents(atPath: job.store + "/a") == Data("a".utf8))
        let status = try job.daft("status")
        #expect(status.output.contains("data servers  1 alive, 1 away"), "\(status)")
        #expect(try job.daft("put", "a").status == 0)
        let deadline = Date().addingTimeInterval(5)
        while !job.said.contains("the store is gone"), Date() < deadline { usleep(20_000) }
        #expect(job.said.contains("\(gone): the store is gone"), "\(job.said)")
        #expect(try job.daft("quit").status == 0)
        #expect(try job.ended().status == 0)
    }

    @Test func whereTheCatalogueIsRemovedTheJobSaysSoAndEnds() throws {
        let job = try Job()
        try job.serve()
        try FileManager.default.removeItem(atPath: job.store + ".mds")
        let list = try job.daft("put", "/etc/hostname")
        #expect(list.status == 1 && list.errors.contains("the catalogue is gone"), "\(list)")
        let ended = try job.ended()
        #expect(ended.status == 1 && ended.errors.contains("the catalogue is gone"), "\(ended)")
    }
}
