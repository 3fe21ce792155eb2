// Strangers at a door do not affect anybody else.

import DaftCommand
import DaftModel
import Foundation
import Glibc
import Testing

@testable import DaftZMQ

extension AtTheDoor {
    @Suite struct StrangerTests {
        @Test(arguments: [UInt64(1), 2, 3]) func garbageHarmsNothing(seed: UInt64) async throws {
            let fixture = try DoorFixture { doorSession in
                _ = doorSession.write(Array("fine".utf8))
                doorSession.end(0)
            }
            var dice = Dice(seed: seed)
            let rawClient = try fixture.rawClient()
            let begin = ClientMessage.begin(.some).encoded
            for _ in 0..<300 {
                var bytes = begin
                switch Int.random(in: 0..<4, using: &dice) {
                case 0:
                    bytes = (0..<Int.random(in: 0..<200, using: &dice)).map { _ in .random(in: 0...255, using: &dice) }
                case 1: bytes[Int.random(in: bytes.indices, using: &dice)] ^= .random(in: 1...255, using: &dice)
                case 2: bytes.removeLast(Int.random(in: 1..<bytes.count, using: &dice))
                default: bytes += [0]
                }
                if Int.random(in: 0..<8, using: &dice) == 0 {
                    try rawClient.send(bytes, [1], [], [2])
                } else {
                    try rawClient.send(bytes)
                }
            }
            sendNoise(to: rawClient.address, &dice)
            let doorClient = try fixture.doorClient()
            let received = doorClient.listen()
            #expect(received.output == Array("fine".utf8))
            #expect(received.status == 0)
            doorClient.close()
            await fixture.end()
        }

        /// An unknown kind, version or signal, credit never used, an empty message.
        @Test(arguments: [[1, 9], [2, 4], [1, 3, 9], [1, 2, 1, 0, 0, 0], []] as [[UInt8]])
        func whatIsNothingToSayIsRefusedAndEndsTheCommand(bytes: [UInt8]) async throws {
            let fixture = try DoorFixture { doorSession in doorSession.onSignal { doorSession.end($0) } }
            let rawClient = try fixture.rawClient()
            try rawClient.send(ClientMessage.begin(.some).encoded)
            try rawClient.send(bytes)
            #expect(try soon { try rawClient.refusal()?.kind == .malformed })
            await fixture.end()
        }

        @Test func aSocketThatADeadProcessLeftIsNoDoorAndIsReplaced() async throws {
            let directory = "/tmp/daft-door-test-\(UInt64.random(in: 0 ... .max))"
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: directory) }
            let address = try DoorAddress(in: Array(directory.utf8))
            #expect(!address.isOpen)
            let dead = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
            let bound = withAddress(address.path) { bind(dead, $0, $1) }
            close(dead)
            #expect(bound == 0)
            #expect(FileManager.default.fileExists(atPath: directory + "/door"))
            #expect(!address.isOpen)
            let door = try Door(in: Array(directory.utf8))
            #expect(address.isOpen)
            let mode = try FileManager.default.attributesOfItem(atPath: directory + "/door")[.posixPermissions] as? Int
            #expect(mode == 0o600)
            await door.close()
        }

        @Test func aDoorMayBeFarDown() async throws {
            let path = String(repeating: "/a-rather-long-name", count: 20)
            let fixture = try DoorFixture(below: path) { $0.end(3) }
            #expect(FileManager.default.fileExists(atPath: fixture.directory + "/door"))
            let doorClient = try fixture.doorClient()
            #expect(doorClient.listen().status == 3)
            doorClient.close()
            await fixture.end()
        }

        @Test func whereThereIsNoDirectoryThereIsNoDoor() {
            #expect(throws: Failure.self) { try Door(in: Array("/tmp/daft-no-such-directory".utf8)) }
        }

        @Test func noThreadOutlivesItsDoorOrItsClient() async throws {
            // ZeroMQ threads of links that other tests closed remain while a task waits on their loop.
            let before = threads().count
            for _ in 0..<5 {
                let fixture = try DoorFixture()
                let doorClient = try fixture.doorClient()
                #expect(doorClient.listen().status == 0)
                #expect(threads().count >= before + 4)
                doorClient.close()
                await fixture.end()
            }
            #expect(soon { threads().count <= before }, "\(threads())")
        }
    }
}

/// This process's threads of doors, clients and ZeroMQ.
private func threads() -> [String] {
    let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
    let names = tasks.compactMap { try? String(contentsOfFile: "/proc/self/task/\($0)/comm", encoding: .utf8) }
    return names.filter { name in ["daft-door", "daft-knock", "ZMQ"].contains { name.hasPrefix($0) } }
}

/// Sends bytes that are no ZeroMQ.
private func sendNoise(to address: DoorAddress, _ dice: inout Dice) {
    for _ in 0..<5 {
        let rawClient = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        _ = withAddress(address.path) { connect(rawClient, $0, $1) }
        let bytes = (0..<1_000).map { _ in UInt8.random(in: 0...255, using: &dice) }
        _ = send(rawClient, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        close(rawClient)
    }
}

private func withAddress<T>(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> T) -> T {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    return withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
    }
}

/// The same numbers in every run.
private struct Dice: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return (state >> 33) ^ (state << 31)
    }
}
