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
        let isAbsolute = item.path.first == Name.slash
        let path = isAbsolute ? item.path : store.directory + [Name.slash] + item.path
        guard await station.workers.run({ pathExists(path) }) else {
            collected.absent.append(item.name)
            return
        }
        let session = Session(at: station)
        let part = meter.begin { session.gauge.now.progress }
        defer { meter.end(part) }
        let report = await session.put([path], at: nil, as: item.name, copies: .one)
        collected.moved += report.moved
        collected.failures += report.failures.map { $0.at(station.settings.host) }
        collected.warnings += report.warnings.map { $0.at(station.settings.host) }
        collected.withheld += report.failures.compactMap { name(of: $0.subject, path, item.name) }
    }

    /// The name that what failed would have: what failed is told by its path, or by that name.
    private func name(of subject: [UInt8], _ path: [UInt8], _ root: Name) -> Name? {
        if let name = try? Name(subject), name == root || name.relative(to: root) != nil { return name }
        guard subject.starts(with: path) else { return root }
        let rest = subject.dropFirst(path.count).drop { $0 == Name.slash }
        return rest.isEmpty ? root : try? root.appending(rest)
    }
}
