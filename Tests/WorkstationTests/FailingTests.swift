// A data server dies, hangs, is partitioned or has a full disk during a transfer: the others complete, the command soon
// ends and reports what was missed where, and data kept only there counts as away, not lost.

import Foundation
import Glibc
import TestBox
import Testing
import TestPrograms

enum Trouble: String, CaseIterable, Sendable {
    case killed, poweredOff, frozen, cutOff, full, hardlyReading

    func strike(_ host: Int, of system: System) throws {
        switch self {
        case .killed: for node in system.nodes(on: host) { kill(node, SIGKILL) }
        case .poweredOff: try system.box.disturb(host, "kill")
        case .frozen: try system.box.disturb(host, "freeze")
        case .cutOff: try system.box.disturb(host, "cut")
        // At 125 bytes/s its data fills all queues and delays heartbeats.
        case .hardlyReading: try system.box.disturb(host, "starve", "1kbit")
        case .full: break
        }
    }
}

extension WorkstationTests {
    @Suite struct FailingTests {
        private static let victim = 3
        private static let others = [1, 2, 4]
        /// About five seconds of a link.
        private static let size = 60_000_000
        private static let rate = "100mbit"
        /// About half of that.
        private static let half: UInt32 = 2_000_000
        /// Ten seconds to be given up, and some for what was missed meanwhile.
        private static let patience: Double = 5 + 15

        @Test(arguments: Trouble.allCases)
        func aBroadcastReachesAllOthers(trouble: Trouble) throws {
            let system = try System()
            if trouble == .full {
                let line = "mkdir -p \(system.store) && mount -t tmpfs -o mode=700,size=40m tmpfs \(system.store)"
                #expect(try system.box.shell(line, on: FailingTests.victim).status == 0)
            }
            try system.start()
            let own = try noise(1_000_000)
            #expect(try system.daft("put", system.source("own", own) + "@n3").status == 0)
            try system.limit(FailingTests.rate)
            let bytes = try noise(FailingTests.size)
            let file = try system.source("big", bytes)
            let begun = Date()
            let bcast = try system.begin(["bcast", file])
            usleep(FailingTests.half)
            #expect(!bcast.hasEnded)
            try trouble.strike(FailingTests.victim, of: system)
            let ended = bcast.wait(seconds: 60)
            let seconds = Date().timeIntervalSince(begun)
            #expect(seconds < FailingTests.patience, "\(trouble): \(seconds) s")
            #expect(ended.status == (trouble == .full ? 1 : 6), "\(ended)")
            #expect(ended.errors.contains("bcast: n3:\(file): "), "\(ended)")
            #expect(!ended.output.contains("n3"), "\(ended)")
            for host in FailingTests.others { #expect(isSame(system.kept("/big", on: host), bytes)) }

            if trouble == .full {
                #expect(ended.errors.contains("no space left"), "\(ended)")
                #expect(try system.line(of: 3).contains("alive"))
            } else {
                #expect(try system.line(of: 3).contains(" away "))
                let got = try system.daft("get", "/own", "--to", system.sources + "/got", on: 2)
                #expect(got.status == 6 && got.errors.contains("n3"), "\(got)")
                #expect(try system.daft("ls", "-l", "/own").output.contains("away: n3"))
            }
        }

        @Test func aPutToAHostThatIsCutOffFailsAndIsNamed() throws {
            let (system, file, _) = try limited()
            let put = try system.begin(["put", file + "@n3"], on: 1)
            try strike(.cutOff, during: put, of: system)
            let ended = put.wait(seconds: FailingTests.patience)
            #expect(ended.status == 6 && ended.errors.contains("n3"), "\(ended)")
            #expect(try system.daft("ls", on: 1).output.isEmpty)
            #expect(try system.daft("put", file + "@n2", on: 1).status == 0)
        }

        @Test func aDiffuseGoesOnWithoutAHostThatIsPoweredOff() throws {
            let (system, file, bytes) = try limited()
            let diffuse = try system.begin(["diffuse", file], on: 1)
            usleep(1_500_000)
            try Trouble.poweredOff.strike(FailingTests.victim, of: system)
            let ended = diffuse.wait(seconds: FailingTests.patience)
            #expect(ended.status != 0 && ended.errors.contains("n3"), "\(ended)")
            #expect(try soon { try system.line(of: 3).contains(" away ") })
            let again = try system.daft("diffuse", file, on: 1)
            #expect(again.status == 0, "\(again)")
            #expect(try system.daft("get", "/big", "--to", system.sources + "/got", on: 1).status == 0)
            #expect(isSame(system.bytes(system.sources + "/got", on: 1), bytes))
        }

        @Test func whereOneOfTwoHoldersDiesTheOtherGives() throws {
            let (system, file, bytes) = try limited("0")
            #expect(try system.daft("diffuse", file, "--copies", "2").status == 0)
            try system.limit(FailingTests.rate)
            let get = try system.begin(["get", "/big", "--to", "\(system.sources)/got"], on: 1)
            usleep(1_000_000)
            #expect(!get.hasEnded)
            try Trouble.killed.strike(FailingTests.victim, of: system)
            let ended = get.wait(seconds: FailingTests.patience)
            #expect(ended.status == 0, "\(ended)")
            #expect(isSame(system.bytes(system.sources + "/got", on: 1), bytes))
        }

        @Test func whatOnlyADeadHostKeptIsUnreachableForAGetAndAFetch() throws {
            let (system, file, _) = try limited("0")
            #expect(try system.daft("put", file + "@n3").status == 0)
            try system.limit(FailingTests.rate)
            let get = try system.begin(["get", "/big", "--to", "\(system.sources)/got"], on: 1)
            let fetch = try system.begin(["fetch", "/big"], on: 2)
            try strike(.frozen, during: get, of: system)
            for one in [get, fetch] {
                let ended = one.wait(seconds: FailingTests.patience)
                #expect(ended.status == 6 && ended.errors.contains("n3"), "\(ended)")
            }
            #expect(!system.exists(system.sources + "/got", on: 1))
            try system.box.disturb(FailingTests.victim, "thaw")
            #expect(try soon { try system.line(of: 3).contains("alive") })
            let again = try system.daft("fetch", "/big", on: 2)
            #expect(again.status == 0, "\(again)")
            #expect(isSame(system.kept("/big", on: 2), system.bytes(file, on: 0)))
        }

        /// A system with limited links, and a file for it.
        private func limited(_ rate: String = FailingTests.rate) throws -> (System, String, Data) {
            let system = try System()
            try system.start()
            if rate != "0" { try system.limit(rate) }
            let bytes = try noise(FailingTests.size)
            return (system, try system.source("big", bytes), bytes)
        }

        private func strike(_ trouble: Trouble, during command: Running, of system: System) throws {
            usleep(FailingTests.half)
            #expect(!command.hasEnded)
            try trouble.strike(FailingTests.victim, of: system)
        }
    }
}
