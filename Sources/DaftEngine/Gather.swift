// gather: what tasks wrote on their nodes comes to one directory here.
//
//   1. One data server of each node publishes what stands there under the paths, below the name of its node.
//   2. Each node's part is written into a directory of its own, or all into one. Of names that mean different things on
//      two nodes neither is written then.

import DaftCore
import DaftLink
import DaftStore

extension Session {
    /// `paths` are those of the nodes: absolute, or relative to their stores.
    public func gather(
        _ paths: [[UInt8]], to directory: [UInt8], as base: Name, merging isMerged: Bool = false
    ) async -> Report {
        var report = Report()
        report.names = [base]
        do throws(Failure) {
            let lasts = try lastParts(of: paths)
            let nodes = oneOnEachNode(of: try await lookAround())
            let gathered = try await collect(paths, lasts, base, from: nodes, &report)
            report.places = gathered.map(\.host)
            if gathered.isEmpty || Task.isCancelled { return report }
            _ = try await lookAround()
            let target = local(directory)
            try await makeTarget(target)
            report.merge(
                isMerged
                    ? try await mergeAll(gathered, lasts, into: target)
                    : try await writeEach(gathered, into: target))
        } catch {
            report.failures.append(error)
        }
        if Task.isCancelled { report.failures.append(Failure(.stopped, base, "stopped; run it again to go on")) }
        return report
    }

    /// What is published of one node.
    private struct Gathered: Sendable {
        let host: String
        let roots: [Name]
        let withheld: Set<Name>

        func isWithheld(_ name: Name) -> Bool {
            !withheld.isEmpty && (withheld.contains(name) || name.ancestors.contains(where: withheld.contains))
        }
    }

    private func lastParts(of paths: [[UInt8]]) throws(Failure) -> [[UInt8]] {
        var lasts: [[UInt8]] = []
        for path in paths {
            let parts = path.split(separator: Name.slash).filter { !$0.elementsEqual(".".utf8) }
            guard let last = parts.last, !last.elementsEqual("..".utf8) else {
                throw Failure(.usage, path, "has no name of its own")
            }
            if lasts.contains(Array(last)) {
                throw Failure(.usage, path, "another path ends in the same name: gather it by itself")
            }
            lasts.append(Array(last))
        }
        return lasts
    }

    /// What one node is asked for.
    private struct Part: Sendable {
        let member: Member
        let collect: Collect

        var host: String { member.store.host }

        func absent(_ collected: Collected) -> [Failure] {
            collect.items.filter { collected.absent.contains($0.name) }
                .map { Failure(.missing, $0.path, node: host, "not there: nothing to gather") }
        }

        /// Nil where none of it is there.
        func gathered(_ collected: Collected) -> Gathered? {
            let roots = collect.items.map(\.name).filter { !collected.absent.contains($0) }
            return roots.isEmpty ? nil : Gathered(host: host, roots: roots, withheld: Set(collected.withheld))
        }
    }

    private func parts(
        of paths: [[UInt8]], _ lasts: [[UInt8]], _ base: Name, on nodes: [Member]
    ) throws(Failure) -> [Part] {
        var parts: [Part] = []
        for node in nodes {
            do throws(NameError) {
                let own = try base.appending(Array(node.store.host.utf8))
                var items: [Collect.Item] = []
                for (path, last) in zip(paths, lasts) {
                    items.append(Collect.Item(path: path, name: try own.appending(last)))
                }
                parts.append(Part(member: node, collect: Collect(items)))
            } catch { throw Failure(.usage, base, error.reason) }
        }
        return parts
    }

    private func collect(
        _ paths: [[UInt8]], _ lasts: [[UInt8]], _ base: Name, from nodes: [Member], _ report: inout Report
    ) async throws(Failure) -> [Gathered] {
        let parts = try parts(of: paths, lasts, base, on: nodes)
        var gathered: [Gathered] = []
        var absent: [Failure] = []
        await station.loop.inOrder(width: parts.count, over: parts) { [self] part in
            let outcome = await stopwatch.time(part.member, on: station.loop) {
                await carryOut(.collect(part.collect), at: part.member.rank)
            }
            return (part, outcome)
        } take: { part, outcome in
            switch outcome {
            case .collected(let collected):
                report.moved += collected.moved
                report.failures += collected.failures
                report.warnings += collected.warnings
                absent += part.absent(collected)
                if let some = part.gathered(collected) { gathered.append(some) }
            case .failed(let failure): report.failures.append(failure.at(part.host))
            default:
                report.failures.append(Failure(.malformed, [], node: part.host, "an outcome that fits no gathering"))
            }
        }
        let roots = gathered.flatMap(\.roots)
        for (path, last) in zip(paths, lasts) where !roots.contains(where: { $0.last.elementsEqual(last) }) {
            absent.removeAll { $0.subject == path }
            if report.failures.isEmpty { report.failures.append(Failure(.missing, path, "on no node is it there")) }
        }
        report.warnings += absent
        report.slowest = stopwatch.slowest(among: nodes, station.roster, failures: report.failures)
        return gathered
    }

    private func writeEach(_ gathered: [Gathered], into target: [UInt8]) async throws(Failure) -> Report {
        var report = Report()
        for node in gathered where !Task.isCancelled {
            let directory = target + [Name.slash] + Array(node.host.utf8)
            try await makeTarget(directory, beneath: target)
            for root in node.roots where !Task.isCancelled && !node.isWithheld(root) {
                let path = directory + [Name.slash] + root.last
                let getting = try Getting(self, root, path, beneath: target) { name, _ in
                    !node.isWithheld(name)
                }
                report.merge(try await getting.run())
            }
        }
        return report
    }

    private func mergeAll(
        _ gathered: [Gathered], _ lasts: [[UInt8]], into target: [UInt8]
    ) async throws(Failure) -> Report {
        var report = Report()
        for last in lasts {
            let trees = gathered.compactMap { node in
                node.roots.first { $0.last.elementsEqual(last) && !node.isWithheld($0) }.map { (node: node, root: $0) }
            }
            var merge = Merge()
            for (index, tree) in trees.enumerated() {
                try await station.eachEntry(below: tree.root) { (page) async throws(Failure) in
                    for named in page where !tree.node.isWithheld(named.name) {
                        merge.add(Array(named.name.relative(to: tree.root) ?? []), named.entry.kind, of: index)
                    }
                }
            }
            let path = target + [Name.slash] + last
            for clash in merge.clashes {
                let subject = clash.relative.isEmpty ? path : path + [Name.slash] + clash.relative
                let hosts = "\(trees[clash.first].node.host) and \(trees[clash.second].node.host)"
                report.failures.append(Failure(.taken, subject, "not the same on \(hosts): not written"))
            }
            let plan = merge
            for (index, tree) in trees.enumerated() where !Task.isCancelled {
                let getting = try Getting(self, tree.root, path, beneath: target) { name, relative in
                    !tree.node.isWithheld(name) && plan.wants(relative, of: index)
                }
                report.merge(try await getting.run())
            }
        }
        return report
    }
}
