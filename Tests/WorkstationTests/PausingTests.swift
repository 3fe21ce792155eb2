// A host that is silent for five seconds, disconnected or suspended, does not count as failed.

import Foundation
import Glibc
import TestBox
import Testing
import TestPrograms

extension WorkstationTests {
    @Suite struct PausingTests {
        private static let pauseMicroseconds: UInt32 = 5_000_000

        @Test(arguments: [("cut", "heal"), ("freeze", "thaw")])
        func aBroadcastAndAGetWaitForAHostThatComesBack(stop: String, goOn: String) throws {
            let system = try System()
            try system.start()
            let old = try noise(30_000_000)
            #expect(try system.daft("put", system.source("old", old) + "@n3").status == 0)
            let pids = system.nodes
            try system.limit("100mbit")
            let bytes = try noise(30_000_000)
            let bcast = try system.begin(["bcast", try system.source("big", bytes)])
            let get = try system.begin(["get", "/old", "--to", "\(system.sources)/got"], on: 1)
            usleep(1_500_000)
            #expect(!bcast.hasEnded && !get.hasEnded)
            try system.box.disturb(3, stop)
            usleep(PausingTests.pauseMicroseconds)
            try system.box.disturb(3, goOn)
            for (name, command) in [("bcast", bcast), ("get", get)] {
                let ended = command.wait(seconds: 40)
                #expect(ended.status == 0, "\(name): \(ended)")
            }
            for host in 1..<workstations { #expect(isSame(system.kept("/big", on: host), bytes)) }
            #expect(isSame(system.bytes(system.sources + "/got", on: 1), old))
            #expect(system.nodes == pids)
            #expect(try system.line(of: 3).contains("alive"))
        }
    }
}
