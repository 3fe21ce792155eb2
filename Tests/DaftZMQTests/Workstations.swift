// A workstation system in one process: each rank has sockets on loopback and a loop on its own thread.

import DaftLink
import DaftModel
import DaftPlan
import DaftWire
import Glibc
import Synchronization

@testable import DaftZMQ

final class Workstations: Sendable {
    private struct Running {
        var link: ZMQLink?
        let loop: ZMQLoop
        let thread: OwnThread
        var hasEnded = false
    }

    private let parts: [ZMQLink.Part]
    private let running: Mutex<[Running]>

    var links: [ZMQLink] { running.withLock { $0.compactMap(\.link) } }

    convenience init(
        _ count: Int, encrypts: Bool = true, patience: FailureDetector.Patience = FailureDetector.Patience(),
        beatMilliseconds: Int = 1_000
    ) throws {
        let keys = try SystemKeys.random()
        var parts = (0..<count).map { ZMQLink.Part(rank: Rank($0), keys: keys) }
        for number in parts.indices {
            parts[number].encrypts = encrypts
            parts[number].patience = patience
            parts[number].beatMilliseconds = beatMilliseconds
        }
        try self.init(parts)
    }

    private init(_ parts: [ZMQLink.Part]) throws {
        var parts = parts
        var running: [Running] = []
        for number in parts.indices {
            if parts[number].rank != .metadataServer, parts[0].rank == .metadataServer {
                parts[number].metadataServer = ("127.0.0.1", parts[0].port)
            }
            let loop = ZMQLoop()
            let link = try ZMQLink(parts[number], on: loop)
            parts[number].port = link.talkPort
            running.append(Running(link: link, loop: loop, thread: OwnThread("test-loop") { loop.run() }))
        }
        self.parts = parts
        self.running = Mutex(running)
    }

    /// Another process of the same system at an existing rank.
    func another(_ rank: Rank) throws -> Workstations {
        var part = parts[rank.number]
        if rank != .metadataServer { part.port = 0 }
        return try Workstations([part])
    }

    /// Waits until all ranks know each other.
    func gather() async -> Bool {
        for _ in 0..<300 {
            if links.allSatisfy({ $0.ranks.count == parts.count }) { return true }
            usleep(10_000)
        }
        return false
    }

    /// Suspends its loop for a while.
    func pause(_ number: Int, milliseconds: UInt32) {
        let loop = running.withLock { $0[number].loop }
        loop.start { usleep(milliseconds * 1_000) }
    }

    /// Silences a rank whose sockets stay open.
    func stop(_ number: Int) {
        let one = running.withLock { running -> Running? in
            if running[number].hasEnded { return nil }
            running[number].hasEnded = true
            return running[number]
        }
        one?.loop.stop()
        one?.thread.join()
    }

    /// As if its process had ended.
    func end(_ number: Int) {
        stop(number)
        running.withLock { running in
            running[number].link?.disconnect()
            running[number].link = nil
        }
    }

    func close() { for number in parts.indices { end(number) } }
}
