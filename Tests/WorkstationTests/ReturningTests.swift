// Returning hosts and metadata servers: their data counts again, and only what is missing is transferred.

import Foundation
import Glibc
import TestBox
import Testing
import TestPrograms

extension WorkstationTests {
    @Suite struct ReturningTests {
        @Test func aHostThatWasPoweredOffJoinsAgainAndGetsOnlyWhatItLacks() throws {
            let system = try System(disk: "/srv")
            try system.start()
            let (old, new) = (try noise(30_000_000), try noise(10_000_000))
            let (oldFile, newFile) = (try system.source("old", old), try system.source("new", new))
            #expect(try system.daft("bcast", oldFile).status == 0)
            #expect(try system.daft("put", oldFile + "@n3", "--as", "/alone").status == 0)
            try system.box.disturb(3, "kill")
            #expect(try soon(seconds: 20) { try system.line(of: 3).contains("away") })
            #expect(try system.daft("bcast", newFile).status == 0, "who is away is not waited for")
            #expect(try system.daft("bcast", newFile, on: 4).status == 0)

            try system.box.disturb(3, "boot")
            let before = try system.box.traffic()[3]
            let again = try system.daft("start", system.sources + "/hosts")
            #expect(again.status == 0, "\(again)")
            #expect(again.output.split(separator: "\n").count { $0.hasSuffix("ran already") } == 4, "\(again)")
            #expect(again.output.contains("n3: data server, store \(system.store)\n"), "\(again)")
            #expect(try system.line(of: 3).contains("alive"))
            for word in ["repair", "repair"] {
                let repaired = try system.daft(word)
                #expect(repaired.status == 0, "\(repaired)")
            }
            #expect(isSame(system.kept("/old", on: 3), old))
            #expect(isSame(system.kept("/new", on: 3), new))
            #expect(try system.daft("bcast", oldFile, newFile).status == 0)
            let after = try system.box.traffic()[3]
            let received = after.received - before.received
            #expect(received > new.count && received < new.count * 5 / 4, "\(received) bytes")
            #expect(after.sent - before.sent < 2_000_000, "\(after.sent - before.sent) bytes")
            #expect(try system.daft("get", "/alone", "--to", system.sources + "/got", on: 2).status == 0)
            #expect(isSame(system.bytes(system.sources + "/got", on: 2), old))
            #expect(try system.daft("verify").status == 0)
        }

        @Test func aMetadataServerThatIsKilledIsStartedAgainAndFindsItsDataServers() throws {
            let system = try System()
            try system.start()
            let kept = try noise(2_000_000)
            #expect(try system.daft("bcast", system.source("kept", kept)).status == 0)
            #expect(try system.daft("put", system.source("late", kept + kept), on: 2).status == 0)
            let dataServers = (1..<workstations).flatMap(system.nodes(on:))
            try system.limit("100mbit")
            let bytes = try noise(60_000_000)
            let file = try system.source("big", bytes)
            let put = try system.begin(["put", file + "@n2"], on: 1)
            usleep(2_000_000)
            for node in system.nodes(on: 0) { kill(node, SIGKILL) }
            #expect(!put.hasEnded)
            let begun = Date()
            let ended = put.wait(seconds: 40)
            #expect(ended.status == 6 && !ended.errors.isEmpty, "\(ended)")
            #expect(Date().timeIntervalSince(begun) < 15, "\(Date().timeIntervalSince(begun)) s")
            let read = try system.daft("cat", "/kept", on: 4)
            #expect(read.status == 6 && read.errors.contains("the metadata server"), "\(read)")

            let again = try system.daft("start", system.sources + "/hosts")
            #expect(again.status == 0, "\(again)")
            #expect((1..<workstations).flatMap(system.nodes(on:)) == dataServers)
            for host in 0..<workstations {
                let listed = try system.daft("ls", on: host)
                #expect(listed.output == "/kept\n/late\n", "\(listed)")
            }
            let repeated = try system.daft("put", file + "@n2", on: 1)
            #expect(repeated.status == 0, "\(repeated)")
            #expect(isSame(system.kept("/big", on: 2), bytes))
            #expect(try system.daft("get", "/late", "--to", system.sources + "/got", on: 4).status == 0)
            #expect(isSame(system.bytes(system.sources + "/got", on: 4), kept + kept))
            #expect(try system.daft("quit", on: 3).status == 0)
            #expect(soon(seconds: 5) { system.nodes.isEmpty })
        }

        @Test func aSystemStartsAnewWhileTheLastOneStillTriesToEndWhoIsCutOff() throws {
            let system = try System()
            try system.start()
            #expect(try system.daft("bcast", system.source("a", Data("a".utf8))).status == 0)
            try system.box.disturb(4, "cut")
            #expect(try system.daft("quit").status == 0)
            let again = try system.start("n[1-3]")
            #expect(again.status == 0 && !again.output.contains("ran already"), "\(again)")
            usleep(3_000_000)
            #expect((0..<4).allSatisfy { system.nodes(on: $0).count == 1 })
            #expect(system.exists(system.store + ".mds/system", on: 0))
            #expect(try system.daft("cat", "/a", on: 2).output == "a")
            #expect(try system.daft("join", "n3").output.contains("ran already"))
        }

        @Test func aLostCatalogueIsTakenFromTheDataServers() throws {
            let system = try System()
            try system.start()
            let bytes = try noise(6_000_000)
            #expect(try system.daft("diffuse", system.source("a", bytes)).status == 0)
            #expect(try system.daft("bcast", system.source("b", bytes)).status == 0)
            let listed = try system.daft("ls", "-l").output
            #expect(try system.daft("quit").status == 0)
            #expect(soon(seconds: 5) { system.nodes.isEmpty })
            try system.box.shell("rm -rf \(system.store).mds", on: 0)
            try system.start()
            #expect(try system.daft("ls", "-l").output == listed)
            #expect(try system.daft("verify", on: 3).status == 0)
            #expect(try system.daft("get", "/a", "--to", system.sources + "/got").status == 0)
            #expect(isSame(system.bytes(system.sources + "/got", on: 0), bytes))
        }
    }
}
