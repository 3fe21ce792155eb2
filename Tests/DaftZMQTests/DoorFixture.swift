// A door in a temporary directory, with sessions served by a test and clients of every kind.

import DaftCommand
import DaftLink
import DaftModel
import Foundation
import Glibc
import Synchronization
import Testing

@testable import DaftZMQ

/// Serialized, because some tests count this process's resources.
@Suite(.serialized, .timeLimit(.minutes(1))) enum AtTheDoor {}

final class DoorFixture: Sendable {
    let directory: String
    let door: Door
    private let sessions = Mutex<[DoorSession]>([])
    private let threads = Mutex<[OwnThread]>([])

    /// A door that passes each session to `serve` on a separate thread.
    init(
        _ patience: Door.Patience = .hasty, below path: String = "",
        serve: @escaping @Sendable (DoorSession) -> Void = { $0.end(0) }
    ) throws {
        directory = "/tmp/daft-door-test-\(UInt64.random(in: 0 ... .max))\(path)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        door = try Door(in: Array(directory.utf8), patience)
        door.open { [self] doorSession in
            sessions.withLock { $0.append(doorSession) }
            let thread = OwnThread("session") { serve(doorSession) }
            threads.withLock { $0.append(thread) }
        }
    }

    func end() async {
        await door.close()
        for thread in threads.withLock({ $0 }) { thread.join() }
        let top = directory.split(separator: "/").prefix(2).joined(separator: "/")
        try? FileManager.default.removeItem(atPath: "/" + top)
    }

    var address: DoorAddress { get throws { try DoorAddress(in: Array(directory.utf8)) } }

    func doorClient(_ command: DoorCommand = .some, _ patience: DoorClient.Patience = .init()) throws -> DoorClient {
        try DoorClient(at: address, command, patience)
    }

    /// A client that sends arbitrary messages.
    func rawClient() throws -> RawClient { try RawClient(at: address) }

    var latest: DoorSession? { sessions.withLock { $0.last } }
}

final class RawClient {
    let address: DoorAddress
    private let socket: Socket

    init(at address: DoorAddress) throws {
        self.address = address
        socket = try Socket(.dealer, in: Context(), lingerMilliseconds: 0)
        try socket.connect(address.endpoint)
    }

    func send(_ parts: [UInt8]...) throws { try socket.send(parts) }

    /// Why it was refused, if it was.
    func refusal() throws -> Failure? {
        while let parts = try socket.receive() {
            if case .refused(let failure) = try DoorMessage(decoding: parts[0]) { return failure }
        }
        return nil
    }
}

extension DoorCommand {
    static let some = DoorCommand(.arguments([Array("ls".utf8)]), in: Array("/tmp".utf8))
}

extension Door.Patience {
    /// Short timeouts for tests.
    static var hasty: Door.Patience {
        var patience = Door.Patience()
        patience.beatMilliseconds = 100
        patience.silenceMilliseconds = 2_000
        patience.closingMilliseconds = 500
        return patience
    }
}

extension DoorSession {
    func write(_ bytes: [UInt8], asErrors: Bool = false) -> Written {
        bytes.withUnsafeBytes { write($0, asErrors: asErrors) }
    }
}

/// Everything that a client receives.
struct Received {
    var output: [UInt8] = []
    var errors: [UInt8] = []
    var status: Int32?
    var refusal: Failure?
}

extension DoorClient {
    func listen() -> Received {
        var received = Received()
        while true {
            switch next() {
            case .output(let bytes): received.output += bytes
            case .errors(let bytes): received.errors += bytes
            case .end(let status):
                received.status = status
                return received
            case .refused(let failure):
                received.refusal = failure
                return received
            }
        }
    }
}

/// Waits for a condition; false after the timeout.
func soon(_ condition: () throws -> Bool) rethrows -> Bool {
    for _ in 0..<2_000 {
        if try condition() { return true }
        usleep(5_000)
    }
    return try condition()
}

final class Counter: Sendable {
    private let value = Atomic<Int>(0)
    var now: Int { value.load(ordering: .relaxed) }
    func add(_ count: Int) { value.add(count, ordering: .relaxed) }
}
