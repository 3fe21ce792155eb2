// A data server publishes what stands on its own node, as a user there would with put.

import DaftCore
import DaftLink
import DaftStore

struct Collecting: Sendable {
    let station: Station
    let store: Store
    let meter: Meter

    func run(_ collect: Collect) async -> Outcome {
        var collected = Collected()
        for item in collect.items where !Task.isCancelled { await take(item, into: &collected) }
        if Task.isCancelled { return .failed(Failure(.stopped, [], node: station.settings.host, "stopped")) }
        return .collected(collected)
    }

    private func take(_ item: Collect.Item, into collected: inout Collected) async {
        let path = item.path.first == Name.slash ? item.path : store.directory + [Name.slash] + item.path
        let store = store
        let isOwn = await station.workers.run { pathExists(path) ? store.isOwnData(path) : nil }
        guard let isOwn else { return }
        if isOwn {
            let reason = "is daft's own: there is nothing to gather"
            return collected.failures.append(Failure(.usage, path, node: station.settings.host, reason))
        }
        let session = Session(at: station)
        let part = meter.begin { session.gauge.now.progress }
        defer { meter.end(part) }
        let report = await session.put([path], at: nil, as: item.name, copies: .one)
        collected.moved += report.moved
        collected.failures += report.failures.map { $0.at(station.settings.host) }
        collected.warnings += report.warnings.map { $0.at(station.settings.host) }
    }
}
