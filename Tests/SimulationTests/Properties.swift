// The properties of every run: no wrong bytes at any name; acknowledged data exists; catalogues and stores agree;
// nothing hangs or leaks; names are written once.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftStore

@testable import DaftEngine

extension Simulation {
    // MARK: 1. no wrong bytes

    /// Every file and symlink in every store equals its source.
    func checkNames() throws {
        for server in cluster.dataServers {
            for (path, leaf) in read(server.directory) where leaf.kind != .directory {
                if rotten.contains(rottenKey(server, path)) { continue }
                if path == Array("rival".utf8) {
                    try judgeRival(leaf, at: server)
                    continue
                }
                guard let source = source(of: path) else {
                    throw Violation("1: \(server.rank) shows /\(shown(path)), which nobody published")
                }
                if !leaf.isShown(by: source) {
                    throw Violation("1: \(server.rank) shows wrong bytes at /\(shown(path))")
                }
            }
        }
    }

    /// The name has one of the two files, and always the same.
    private func judgeRival(_ leaf: Leaf, at server: SimulatedRank) throws {
        guard let found = rivals.firstIndex(where: { leaf.isShown(by: $0) }) else {
            throw Violation("1: \(server.rank) shows wrong bytes at /rival")
        }
        if let winner, winner != found { throw Violation("5: \(server.rank) shows the other rival") }
        winner = found
    }

    private func source(of path: [UInt8]) -> Leaf? {
        for (number, tree) in trees.enumerated() {
            let root = Array("t\(number)".utf8)
            if path == root { return tree[[]] }
            if path.starts(with: root + [UInt8(ascii: "/")]) { return tree[Array(path.dropFirst(root.count + 1))] }
        }
        return nil
    }

    // MARK: 2. acknowledged data

    /// Checks the result of one command against its user's expectations.
    func judge(_ carried: Carried, before: Set<Int>, mustSucceed: Bool) throws {
        let (errand, done, isWell) = (carried.errand, carried.done, carried.isWell)
        let isPossible = errand.wants.map(before.contains) ?? true
        if mustSucceed, isPossible, !isWell, !errand.isRival {
            throw Violation("2: \(errand.words) fails: \(done.report.failures)")
        }
        if isWell, let tree = errand.publishes { acknowledged.insert(tree) }
        switch errand {
        case .get(let tree): try judgeGet(tree, carried.target, isWhole: isWell && isPossible)
        case .cat(let tree, let path):
            let bytes = trees[tree][path]?.bytes ?? []
            let isRight = isWell && isPossible ? done.poured == bytes : bytes.starts(with: done.poured)
            if !isRight { throw Violation("2: \(errand.words) wrote other bytes") }
        case .put(let tree, let host), .fetch(let tree, let host):
            guard mustSucceed, isWell, isPossible else { return }
            for server in cluster.dataServers where server.host == host { try checkComplete(tree, at: server) }
        case .bcastPath(let tree), .bcastName(let tree):
            guard mustSucceed, isWell, isPossible else { return }
            for server in cluster.dataServers { try checkComplete(tree, at: server) }
        case .rival(let rival, _):
            guard isWell else { return }
            if let winner, winner != rival { throw Violation("5: the name was given to the other rival") }
            winner = rival
        case .verify:
            if done.corrupt > 0, hazards.isDisjoint(with: [.rot, .disk, .power]) {
                throw Violation("2: verify finds \(done.corrupt) chunks wrong, and nothing has rotted")
            }
        default: break
        }
    }

    private func judgeGet(_ tree: Int, _ target: String, isWhole: Bool) throws {
        let found = read(target)
        if isWhole {
            let differences = differences(found, from: trees[tree])
            if !differences.isEmpty { throw Violation("2: get of /t\(tree) is not what was published: \(differences)") }
        }
        for (path, leaf) in found {
            guard let source = trees[tree][path], source.bytes != nil else { continue }
            if source.kind != leaf.kind { throw Violation("1: get wrote wrong bytes at \(shown(path))") }
        }
    }

    /// A store has a complete tree once a copy to it has been reported as done.
    private func checkComplete(_ tree: Int, at server: SimulatedRank) throws {
        let found = read("\(server.directory)/t\(tree)")
        for (path, leaf) in trees[tree] where found[path].map({ $0.isShown(by: leaf) }) != true {
            throw Violation("2: \(server.rank) lacks /t\(tree)/\(shown(path)) after a copy was acknowledged")
        }
    }

    // MARK: 3. catalogues and stores agree

    func checkConvergence() throws {
        for server in cluster.dataServers {
            let failure = try cluster.result(at: server) { station -> Failure? in
                do throws(Failure) {
                    try await station.catchUp()
                    return nil
                } catch { return error }
            }
            if let failure = failure ?? nil { throw Violation("3: \(server.rank) cannot catch up: \(failure)") }
        }
        guard let main = cluster.metadataServer.station else { throw Violation("4: the metadata server is gone") }
        let dump = try main.catalogue.dump()
        for server in cluster.dataServers {
            guard let station = server.station, let store = station.store else { continue }
            if try station.catalogue.dump() != dump { throw Violation("3: the catalogue of \(server.rank) differs") }
            let number = try main.catalogue.stores().first { $0.info.id == store.id }?.number
            guard let number else { throw Violation("3: \(server.rank) has no number") }
            let gap = try gap(main, store, number)
            if !gap.isEmpty { throw Violation("3: \(server.rank) keeps something else than is told: \(gap)") }
        }
    }

    /// Differences between the catalogue and a store, except unnamed and unreported leftovers of an interrupted
    /// command, which await its retry or the next start.
    private func gap(_ main: Station, _ store: Store, _ number: Int) throws -> [String] {
        let told = try main.catalogue.holdings(of: number, after: nil, limit: .max).map { ($0.content, $0.extent) }
        let kept = try store.kept(after: nil, limit: .max).map { ($0.content, $0.extent) }
        let (a, b) = (Dictionary(told) { $1 }, Dictionary(kept) { $1 })
        return try Set(a.keys).union(b.keys).sorted().filter { content in
            let isLeftOver = try a[content] == nil && store.names(of: content).isEmpty
            return a[content] != b[content] && !isLeftOver
        }
        .map { content in
            let names = try main.catalogue.names(of: content).map { "\($0)" }
            return "\(content.hex.prefix(8)) \(names) told \(a[content].map { "\($0)" } ?? "-"), "
                + "kept \(b[content].map { "\($0)" } ?? "-")"
        }
    }

    // MARK: 4. no leaks

    func checkRest() throws {
        try cluster.settle()
        for rank in cluster.ranks {
            guard let ending = cluster.begin(at: rank, { await $0.takeAndGiveBackEverything() }) else {
                throw Violation("4: \(rank.rank) is gone")
            }
            do {
                try cluster.run([ending])
            } catch is Halt { throw Violation("4: \(rank.rank) has not given back all its slabs and claims") }
        }
        if cluster.time.strangers > 0 { throw Violation("4: work escaped from its loop") }
    }

    // MARK: 5. write once

    func checkWriteOnce() throws {
        let server = pick(Array(cluster.dataServers))
        guard let tree = acknowledged.min(), let main = cluster.metadataServer.station,
            let path = trees[tree].filter({ $0.value.bytes != nil && !$0.key.isEmpty }).keys
                .min(by: { $0.lexicographicallyPrecedes($1) }),
            let name = try? treeName(tree).appending(path)
        else { return }
        let other = "\(cluster.base)/other"
        write([[]: Leaf(kind: .file(Array("something else \(seed)".utf8)), mode: 0o644, mtime: .zero)], to: other)
        let before = try main.catalogue.dump()
        let host = server.host
        let report = try cluster.result(at: cluster.metadataServer) {
            await Session(at: $0).put([Array(other.utf8)], at: host, as: name)
        }
        guard report?.failures.first?.kind == .taken else {
            throw Violation("5: other content under a taken name is not refused: \(report?.failures ?? [])")
        }
        if try main.catalogue.dump() != before { throw Violation("5: a refused put changed the catalogue") }
        try cluster.settle()
        try checkNames()
        try checkConvergence()
    }
}

extension Station {
    /// Returns only if no slab and no content lock is held.
    fileprivate func takeAndGiveBackEverything() async {
        for pool in [intake, outlet] { _ = await pool.take(pool.totalBytes) }
        for name in (try? catalogue.below(.root, after: nil, limit: 10_000)) ?? [] {
            guard let content = name.entry.content else { continue }
            await contentLocks.claim(content)
            contentLocks.release(content)
        }
    }
}
