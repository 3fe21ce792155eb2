// A ZeroMQ system in this process: each rank has sockets on loopback and a loop on its own thread.

import DaftEngine
import DaftLink
import DaftModel
import DaftWire
import DaftZMQ

final class Nodes: Sendable {
    private static let joinMilliseconds = 10_000

    let stations: [Station]
    private let running: [(link: ZMQLink, loop: ZMQLoop, thread: OwnThread)]

    init(_ settings: [Settings]) async throws {
        let keys = try SystemKeys.random()
        var port: UInt16 = 0
        var running: [(link: ZMQLink, loop: ZMQLoop, thread: OwnThread)] = []
        var stations: [Station] = []
        for (number, some) in settings.enumerated() {
            var part = ZMQLink.Part(rank: Rank(number), keys: keys)
            if number > 0 { part.metadataServer = ("127.0.0.1", port) }
            let loop = ZMQLoop()
            let link = try ZMQLink(part, on: loop)
            if number == 0 { port = link.talkPort }
            running.append((link, loop, OwnThread("test-loop") { loop.run() }))
            stations.append(try Station(some, link: link))
        }
        (self.running, self.stations) = (running, stations)
        let starts = zip(running, stations).map { node, station in
            node.loop.start { () async -> Failure? in
                do throws(Failure) {
                    if station.rank != .metadataServer {
                        _ = await node.link.join(timeoutMilliseconds: Nodes.joinMilliseconds)
                    }
                    _ = try await station.start()
                    return nil
                } catch { return error }
            }
        }
        for start in starts { if let failure = await start.value { throw failure } }
    }

    func close() {
        for station in stations { station.close() }
        for node in running {
            node.loop.stop()
            node.thread.join()
            node.link.disconnect()
        }
    }
}
