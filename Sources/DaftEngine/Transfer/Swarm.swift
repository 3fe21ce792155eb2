// Ranks that fetch the same content at the same moment line up: each takes it from the one that began before it, which
// passes on what it is itself just getting. However many want it, who keeps it sends it once.

import DaftLink
import DaftModel
import DaftWire

/// This rank's place among those who are loading one content.
struct Swarm: Sendable {
    /// Fewer chunks are here before the others could be asked.
    private static let fewestChunks = 4

    /// The ranks that began before, the last of them first.
    let upstream: Upstream
    private let station: Station
    private let content: ContentID

    /// Nil where it is not worth while.
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
        _ = try? await station.ask(.loading(content, begun: false), at: .metadataServer)
    }
}
