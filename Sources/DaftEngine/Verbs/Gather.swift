// gather: copies task output from all nodes to a directory of this node.
//
//   1. One data server per node offers its files below the paths; they are written from where they are, into a
//      directory per node or merged into one. When merging, a name with different files on two nodes is written for
//      neither.
//   2. With a name, each node publishes its files first, below its own name.

import DaftLink
import DaftModel
import DaftPlan
import DaftStore
import DaftWire

extension Session {
    private static let nodesAtOnce = 4

    /// `paths` are absolute, or relative to each store. With `base`, publishes below it.
    public func gather(
        _ paths: [[UInt8]], to directory: [UInt8], as base: Name? = nil, merging isMerged: Bool = false
    ) async -> Report {
        var report = Report()
        report.names = base.map { [$0] } ?? []
        do throws(Failure) {
            let leafNames = try lastParts(of: paths)
            let nodes = oneOnEachNode(of: try await syncedMembers())
            if let base { try await publish(paths, leafNames, base, from: nodes, &report) }
            if Task.isCancelled { return report }
            let target = local(directory)
            var outcome = Gathered()
            for (path, last) in zip(paths, leafNames) where !Task.isCancelled {
                let place = target + [Name.slash] + last
                if isMerged {
                    try await mergeAll(path, to: place, in: target, from: nodes, &outcome)
                } else {
                    await writeEach(path, last, in: target, from: nodes, &outcome)
                }
            }
            report.merge(outcome.report)
            report.servers = nodes.map(\.store.host).filter(outcome.hosts.contains)
            report.slowest = stopwatch.slowest(among: nodes, station.roster, failures: report.failures)
        } catch {
            report.failures.append(error)
        }
        if Task.isCancelled {
            report.failures.append(Failure(.stopped, directory, "stopped; run it again to go on"))
        }
        return report
    }

    private func lastParts(of paths: [[UInt8]]) throws(Failure) -> [[UInt8]] {
        var leafNames: [[UInt8]] = []
        for path in paths {
            let parts = path.split(separator: Name.slash).filter { !$0.elementsEqual(".".utf8) }
            guard let last = parts.last, !last.elementsEqual("..".utf8) else {
                throw Failure(.usage, path, "has no name of its own")
            }
            if leafNames.contains(Array(last)) {
                throw Failure(.usage, path, "another path ends in the same name: gather it by itself")
            }
            leafNames.append(Array(last))
        }
        return leafNames
    }

    /// The combined result of all nodes.
    fileprivate struct Gathered {
        var report = Report()
        var hosts: Set<String> = []

        /// Adds the result for one path of one node.
        mutating func take(_ tree: NodeTree, _ end: Result<Report, Failure>) {
            report.warnings += tree.warnings
            switch end {
            case .success(let some):
                hosts.insert(tree.member.store.host)
                report.merge(some)
            case .failure(let failure): report.failures.append(failure.at(tree.member.store.host))
            }
        }

        /// A missing path is a warning unless all nodes lack it.
        mutating func lacking(_ absent: [Failure], of path: [UInt8], among nodes: [Member]) {
            if absent.count < nodes.count {
                report.warnings += absent
            } else {
                report.failures.append(Failure(.missing, path, "on no node is it there"))
            }
        }
    }

    private func writeEach(
        _ path: [UInt8], _ last: [UInt8], in target: [UInt8], from nodes: [Member], _ outcome: inout Gathered
    ) async {
        var absent: [Failure] = []
        await station.loop.inOrder(width: Session.nodesAtOnce, over: nodes) { [self] node in
            let tree = NodeTree(self, node, path)
            return (tree, await Result.of { () async throws(Failure) in try await write(tree, last, in: target) })
        } take: { tree, end in
            if tree.isAbsent, case .failure(let failure) = end {
                absent.append(failure)
            } else {
                outcome.take(tree, end)
            }
        }
        outcome.lacking(absent, of: path, among: nodes)
    }

    private func write(_ tree: NodeTree, _ last: [UInt8], in target: [UInt8]) async throws(Failure) -> Report {
        try await tree.begin()
        let directory = target + [Name.slash] + Array(tree.member.store.host.utf8)
        do throws(Failure) {
            try await makeTarget(target)
            try await makeTarget(directory, beneath: target)
        } catch {
            await tree.end()
            throw error
        }
        return try await writing(tree, to: directory + [Name.slash] + last, beneath: target)
    }

    private func writing(
        _ tree: NodeTree, to place: [UInt8], beneath target: [UInt8]
    ) async throws(Failure) -> Report {
        let end = await stopwatch.time(tree.member, on: station.loop) {
            await Result.of { () async throws(Failure) in
                try await TreeWriter(self, tree, to: place, beneath: target).run()
            }
        }
        await tree.end()
        return try end.get()
    }

    // MARK: merged into one directory

    private func mergeAll(
        _ path: [UInt8], to place: [UInt8], in target: [UInt8], from nodes: [Member], _ outcome: inout Gathered
    ) async throws(Failure) {
        var merge = TreeMerge()
        let there = try await look(path, from: nodes, &merge, &outcome)
        if there.isEmpty || Task.isCancelled { return }
        if merge.wantsContents { try await compare(path, on: there, &merge) }
        for clash in merge.clashes {
            let subject = clash.relative.isEmpty ? place : place + [Name.slash] + clash.relative
            let hosts = "\(there[clash.first].store.host) and \(there[clash.second].store.host)"
            outcome.report.failures.append(Failure(.taken, subject, "not the same on \(hosts): not written"))
        }
        try await makeTarget(target)
        let plan = merge
        for (index, node) in there.enumerated() where !Task.isCancelled {
            let tree = NodeTree(self, node, path) { plan.wants($0, of: index) }
            outcome.take(
                tree,
                await Result.of { () async throws(Failure) in
                    try await tree.begin()
                    return try await writing(tree, to: place, beneath: target)
                })
        }
    }

    /// Lists the path on each node; returns those that have it, in the order of `merge`.
    private func look(
        _ path: [UInt8], from nodes: [Member], _ merge: inout TreeMerge, _ outcome: inout Gathered
    ) async throws(Failure) -> [Member] {
        var there: [Member] = []
        var absent: [Failure] = []
        await station.loop.inOrder(width: Session.nodesAtOnce, over: nodes) { [self] node in
            let tree = NodeTree(self, node, path)
            return (tree, await Result.of { () async throws(Failure) in try await tree.looks() })
        } take: { tree, looks in
            switch looks {
            case .success(let looks):
                for look in looks { merge.add(look.relative, look.kind, of: there.count) }
                there.append(tree.member)
            case .failure(let failure) where tree.isAbsent: absent.append(failure)
            case .failure: outcome.take(tree, looks.map { _ in Report() })
            }
        }
        outcome.lacking(absent, of: path, among: nodes)
        return there
    }

    /// Reads the files that only their contents can tell apart.
    private func compare(_ path: [UInt8], on nodes: [Member], _ merge: inout TreeMerge) async throws(Failure) {
        let asked = merge
        for (index, node) in nodes.enumerated() where !Task.isCancelled {
            let tree = NodeTree(self, node, path) { asked.wantsContent(of: $0) }
            for (relative, content) in try await tree.contents() { merge.add(relative, content, of: index) }
        }
    }

    // MARK: published before gathering

    private func publish(
        _ paths: [[UInt8]], _ leafNames: [[UInt8]], _ base: Name, from nodes: [Member], _ report: inout Report
    ) async throws(Failure) {
        var orders: [(member: Member, collect: Collect)] = []
        for node in nodes {
            do throws(NameError) {
                let own = try base.appending(Array(node.store.host.utf8))
                var items: [Collect.Item] = []
                for (path, last) in zip(paths, leafNames) {
                    items.append(Collect.Item(path: path, name: try own.appending(last)))
                }
                orders.append((node, Collect(items)))
            } catch { throw Failure(.usage, base, error.reason) }
        }
        await station.loop.inOrder(width: orders.count, over: orders) { [self] node, collect in
            let result = await stopwatch.time(node, on: station.loop) {
                await carryOut(.collect(collect), at: node.rank)
            }
            return (node.store.host, result)
        } take: { host, result in
            switch result {
            case .success(let collected):
                report.failures += collected.failures
                report.warnings += collected.warnings
            case .failure(let failure): report.failures.append(failure.at(host))
            }
        }
    }
}
