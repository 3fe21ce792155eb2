// Ranks that fetch the same content at the same time form a chain: each takes it from the one that began before it,
// which relays chunks as they arrive. A holder sends the content once, however many want it.

import DaftLink
import DaftModel
import DaftWire

/// This rank's position among the loaders of one content.
struct Swarm: Sendable {
    /// Smaller contents arrive before others could be asked.
    private static let fewestChunks = 4

    /// The ranks that began earlier, the latest first.
    let upstream: Upstream
    private let station: Station
    private let content: ContentID

    /// Nil if a swarm would not pay or the metadata server does not answer.
    static func join(_ station: Station, _ wanted: Wanted, progressCounter: ProgressCounter, stop: Event) async
        -> Swarm?
    {
        guard wanted.manifest.chunks.count >= fewestChunks,
            let reply = try? await station.ask(.loading(wanted.content, begun: true), at: .metadataServer),
            case .loaders(let ranks) = reply
        else { return nil }
        station.relay.enter()
        let line = Chain(ranks + [station.rank])
        return Swarm(
            upstream: Upstream(station, line, progressCounter: progressCounter, stop: stop), station: station,
            content: wanted.content)
    }

    func leave() async {
        station.relay.leave()
        // If the request is lost, others ask this rank for bytes in vain.
        _ = try? await station.ask(.loading(content, begun: false), at: .metadataServer)
    }
}
