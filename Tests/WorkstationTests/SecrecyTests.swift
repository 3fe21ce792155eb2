// What others on the network, and other users of the hosts, can learn of a workstation system.

import Foundation
import Glibc
import TestBox
import Testing
import TestPrograms

extension WorkstationTests {
    @Suite struct SecrecyTests {
        private static let line = "nobody else is to read this line"

        @Test(arguments: [true, false])
        func whatIsBroadcastIsReadableOnTheWireOnlyWithNoEncrypt(encrypts: Bool) throws {
            let system = try System()
            #expect(try system.start("n[1-4]", options: encrypts ? [] : ["--no-encrypt"]).status == 0)
            let text = Data((0..<20_000).map { "\($0): \(SecrecyTests.line)\n" }.joined().utf8)
            let small = Data("\(SecrecyTests.line) either".utf8)
            let files = [try system.source("text", text), try system.source("small", small)]
            let capture = try Capture(of: system.box)
            let sent = try system.daft(["bcast"] + files)
            let put = try system.daft(["put", files[0] + "@n2", "--as", "/secret-name"], on: 1)
            let read = try system.daft("cat", "/small", on: 3)
            let frames = capture.end()
            #expect(sent.status == 0 && put.status == 0 && read.status == 0)
            for host in 1..<workstations { #expect(isSame(system.kept("/text", on: host), text)) }
            #expect(frames.reduce(0) { $0 + $1.count } > text.count * 3, "the capture saw too little")
            let isSeen = frames.contains { $0.range(of: Data(SecrecyTests.line.utf8)) != nil }
            #expect(isSeen == !encrypts)
            // Control messages are encrypted all the same.
            #expect(!frames.contains { $0.range(of: Data("secret-name".utf8)) != nil })
        }

        @Test func anotherUserOfAHostCanNeitherReadNorAsk() throws {
            let system = try System()
            try system.start()
            #expect(try system.daft("bcast", system.source("a", Data("a".utf8))).status == 0)
            let other = "setpriv --reuid=65534 --regid=65534 --clear-groups"
            for (host, place) in [(0, system.store + ".mds"), (1, system.store + "/.daft")] {
                let mine = try system.box.shell("find \(place) | wc -l; find \(place) -type s", on: host)
                #expect(mine.output.contains("\(place)/door"), "\(mine)")
                let theirs = try system.box.shell(
                    "\(other) find \(place) -mindepth 1; cd /; "
                        + "for f in log node system lock; do \(other) cat \(place)/$f; done",
                    on: host)
                #expect(theirs.status != 0 && theirs.output.isEmpty, "\(theirs)")
                let catalogues = "--store \(system.store) --catalogue \(system.store).mds"
                let asked = try system.box.shell("\(other) \(system.box.common)/daft \(catalogues) ls", on: host)
                #expect(asked.status == 6 && asked.output.isEmpty, "\(asked)")
            }
        }

        @Test func noKeyIsInAnyArgumentEnvironmentOrLog() throws {
            let system = try System()
            try "n[1-4]".write(toFile: system.sources + "/hosts", atomically: true, encoding: .utf8)
            let start = try system.begin(["start", system.sources + "/hosts"])
            var seen = Data()
            while !start.hasEnded { seen += words(of: system) }
            #expect(start.wait().status == 0)
            seen += words(of: system)
            for host in 0..<workstations { seen += Data(system.log(on: host).utf8) }
            #expect(seen.range(of: Data("--detached".utf8)) != nil, "nothing was seen of the nodes")

            let publicKey = try publicKey(of: system)
            let written = system.bytes(system.store + ".mds/system", on: 0)
            let end = try #require(written.range(of: publicKey)?.upperBound)
            let secret = written[end..<end + 32]
            for key in [publicKey, Data(secret)] {
                let hex = key.map { String(format: "%02x", $0) }.joined()
                for form in [key.prefix(8), Data(hex.prefix(16).utf8), Data(key.base64EncodedString().prefix(16).utf8)]
                {
                    #expect(seen.range(of: form) == nil)
                }
            }
            for host in 1..<workstations { #expect(!system.exists(system.store + "/.daft/system", on: host)) }
        }

        /// Arguments and environments of all processes on the hosts.
        private func words(of system: System) -> Data {
            let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
            var seen = Data()
            for process in all where pid_t(process) != nil {
                for name in ["cmdline", "environ"] {
                    seen += (try? Data(contentsOf: URL(fileURLWithPath: "/proc/\(process)/\(name)"))) ?? Data()
                }
            }
            return seen
        }
    }
}

/// The public key in the metadata server's file.
func publicKey(of system: System) throws -> Data {
    let noted = String(decoding: system.bytes(system.store + ".mds/node", on: 0), as: UTF8.self)
    let digits = Array(try #require(noted.split(separator: "\n").first))
    return Data(
        stride(from: 0, to: digits.count - 1, by: 2).compactMap { UInt8(String(digits[$0...$0 + 1]), radix: 16) })
}
