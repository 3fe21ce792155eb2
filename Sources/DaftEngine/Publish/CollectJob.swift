// A data server publishes files of its own node, as `put` would there.

import DaftLink
import DaftModel
import DaftStore
import DaftWire

struct Collecting: Sendable {
    let station: Station
    let store: Store
    let progressCounter: ProgressCounter

    func run(_ collect: Collect) async -> Outcome {
        var collected = Collected()
        for item in collect.items where !Task.isCancelled { await take(item, into: &collected) }
        if Task.isCancelled { return .failed(Failure(.stopped, [], node: station.settings.host, "stopped")) }
        return .collected(collected)
    }

    private func take(_ item: Collect.Item, into collected: inout Collected) async {
        let store = store
        let path: [UInt8]
        do throws(Failure) {
            path = try await station.work { () throws(Failure) in try store.gathered(item.path) }
        } catch {
            // The requester reports paths that are missing.
            if error.kind != .missing { collected.failures.append(error.at(station.settings.host)) }
            return
        }
        let session = Session(at: station)
        let part = progressCounter.begin { session.commandProgress.now.progress }
        defer { progressCounter.end(part) }
        let report = await session.put([path], at: nil, as: item.name, copies: .one)
        collected.moved += report.moved
        collected.failures += report.failures.map { $0.at(station.settings.host) }
        collected.warnings += report.warnings.map { $0.at(station.settings.host) }
    }
}
