// Strangers without keys, from another host, at every port of a metadata server and a data server.

import Foundation
import Glibc
import TestBox
import Testing
import TestPrograms

extension WorkstationTests {
    @Suite struct StrangerTests {
        private static let connections = 40
        /// Concurrent replays of one recorded session.
        private static let replays = Trials.areAll ? 1_000 : 40
        /// The start of a ZeroMQ connection.
        private static let halfGreeting = Data([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1] + Array("CURVE".utf8))

        @Test(arguments: [true, false])
        func theyAreToldNothingAndCostNothing(encrypts: Bool) throws {
            let system = try System()
            let capture = try Capture(of: system.box)
            #expect(try system.start("n[1-3]", options: encrypts ? [] : ["--no-encrypt"]).status == 0)
            let bytes = try noise(3_000_000)
            let file = try system.source("a", bytes)
            #expect(try system.daft("bcast", file).status == 0)
            let frames = capture.end()
            let publicKey = try publicKey(of: system)

            for host in [0, 1] {
                let node = try #require(system.nodes(on: host).first)
                let before = Footprint(of: node)
                for port in try ports(of: host, in: system) {
                    let rawClient = RawClient(
                        home: system.box.first(of: 4), address: system.box.address(of: host), port: port)
                    let isPlain = try !encrypts && port != talkPort(of: host, in: system)
                    try sendAllKinds(to: rawClient, sessions(in: frames, to: rawClient.address, port: port), isPlain)
                    for keys in [RawClient.Keys.none, .fresh(server: Array(publicKey))] {
                        #expect(try rawClient.ask(keys, clients: 10, named: []) == 0)
                        #expect(try rawClient.ask(keys, clients: 1, named: name(of: 2, at: host)) == 0)
                    }
                }
                #expect(soon(seconds: 5) { Footprint(of: node).descriptors <= before.descriptors + 4 })
                let after = Footprint(of: node)
                #expect(after.threads <= before.threads + 1)
                #expect(after.residentBytes < before.residentBytes + 24 << 20, "\(before) \(after)")
                #expect(system.nodes(on: host) == [node])
            }
            #expect(try system.daft("ls", on: 1).output == "/a\n")
            #expect(try system.daft("put", file + "@n1", "--as", "/b", on: 2).status == 0)
            #expect(try system.daft("verify").status == 0)
        }

        private func sendAllKinds(to rawClient: RawClient, _ recorded: [Data], _ isPlain: Bool) throws {
            let count = StrangerTests.connections
            let silent = try rawClient.keepSilent(after: StrangerTests.halfGreeting, connections: count)
            defer { for file in silent { close(file) } }
            let most = RawClient.greetingBytes
            #expect(try rawClient.send(noise(4_000), times: count).count <= most)
            #expect(try rawClient.send(Data(repeating: 0xff, count: 100_000), times: 5).count <= most)
            for session in recorded.prefix(3) {
                let received = try rawClient.send(session, times: 5, listenMilliseconds: 100)
                #expect(received.count <= most + (isPlain ? RawClient.readyBytes : RawClient.welcomeBytes))
                let replayed = try rawClient.keepSilent(after: session, connections: StrangerTests.replays)
                for file in replayed { close(file) }
            }
        }

        /// The two ports that a node listens on.
        private func ports(of host: Int, in system: System) throws -> [UInt16] {
            let listed = try system.box.shell("ss -Hltn 'sport != 22' | awk '{print $4}' | sed 's/.*://'", on: host)
            let ports = listed.output.split(separator: "\n").compactMap { UInt16($0) }
            try #require(ports.count == 2, "\(listed)")
            return ports
        }

        /// The control port, which is always encrypted.
        private func talkPort(of host: Int, in system: System) throws -> UInt16 {
            let file = system.store + (host == 0 ? ".mds/node" : "/.daft/node")
            let noted = String(decoding: system.bytes(file, on: host), as: UTF8.self).split(separator: "\n")
            return try #require(noted.last.flatMap { UInt16($0) })
        }

        /// A rank's routing id at another, with the largest incarnation.
        private func name(of rank: UInt8, at target: Int) -> [UInt8] {
            [1, rank, 0, 0, 0, UInt8(target), 0, 0, 0] + [UInt8](repeating: 0xff, count: 8)
        }
    }
}

/// A process's resources.
private struct Footprint {
    let descriptors: Int
    let threads: Int
    let residentBytes: Int

    init(of process: pid_t) {
        func count(_ name: String) -> Int {
            (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/\(name)").count) ?? 0
        }
        let pages = ((try? String(contentsOfFile: "/proc/\(process)/statm", encoding: .utf8)) ?? "").split(
            separator: " ")
        (descriptors, threads) = (count("fd"), count("task"))
        residentBytes = (pages.count > 1 ? Int(pages[1]) ?? 0 : 0) * 4_096
    }
}
