// Serializes the metadata server's repairs: ordered by a user, or automatic when a store has been away for too long or
// has joined.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftStore
import DaftWire
import Synchronization

/// What one order has reported, to add only increments to the shared counter.
final class Counted: Sendable {
    private let progressCounter: ProgressCounter
    private let reported = Mutex<(bytes: Int64, files: Int64)>((0, 0))

    init(_ progressCounter: ProgressCounter) { self.progressCounter = progressCounter }

    func note(bytes: Int64, files: Int64) {
        let more = reported.withLock { reported in
            defer { reported = (max(reported.bytes, bytes), max(reported.files, files)) }
            return (max(0, bytes - reported.bytes), max(0, files - reported.files))
        }
        progressCounter.add(bytes: more.0, files: more.1)
    }
}

actor RepairQueue {
    private static let page = 1_000

    private let station: Station
    private nonisolated let loop: any Loop
    private let semaphore = AsyncSemaphore(width: 1)
    /// An automatic repair is queued already; it will cover later changes too.
    private var isWaiting = false

    init(_ station: Station) {
        self.station = station
        loop = station.loop
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// A repair ordered by a user. Copies in absent stores do not count.
    func repair(_ scope: RepairJob.Scope, progressCounter: ProgressCounter) async -> Outcome {
        await semaphore.enter()
        defer { semaphore.leave() }
        return .repaired(await RepairJob(station, scope, progressCounter: progressCounter).run())
    }

    /// An automatic repair. Copies in stores that are `expected` back count.
    func mend(expected: @escaping @Sendable () async -> BitSet) async {
        if isWaiting { return }
        isWaiting = true
        await semaphore.enter()
        defer { semaphore.leave() }
        isWaiting = false
        let progressCounter = ProgressCounter()
        let underWay = station.underWay.begin(Array("repair (by itself)".utf8)) { progressCounter.now }
        defer { station.underWay.end(underWay) }
        station.note(.info, "repair.begin")
        let begun = loop.now
        let repaired = await RepairJob(
            station, .everything, expected: await expected(), progressCounter: progressCounter
        ).run()
        station.note(repaired.failures, .warning, in: "repair")
        station.note(
            repaired.failures.isEmpty ? .info : .warning, "repair.end",
            [
                "copies": "\(repaired.copies)", "bytes": "\(repaired.bytes)", "moved": "\(repaired.moved)",
                "failures": "\(repaired.failures.count)", "ms": "\((loop.now - begun) / 1_000_000)",
            ])
    }

    // MARK: leaving

    /// Copies what only this store keeps, then removes its holdings and records that it left. If the result has
    /// failures, the store has not left.
    func leave(_ store: Int, progressCounter: ProgressCounter) async -> Repaired {
        await semaphore.enter()
        defer { semaphore.leave() }
        var repaired = await RepairJob(station, .leaving(store), progressCounter: progressCounter).run()
        if !repaired.failures.isEmpty { return repaired }
        do throws(Failure) {
            let others = try await station.refreshRoster().filter { $0.isAlive && $0.number != store }.map(\.number)
            repaired.failures = try await letGo(store, others: BitSet(others))
        } catch {
            repaired.failures = [error]
        }
        return repaired
    }

    /// Checks each page before recording it; the last change rejects holdings added meanwhile.
    private func letGo(_ store: Int, others: BitSet) async throws(Failure) -> [Failure] {
        let catalogue = station.catalogue
        var pages = station.pages(by: \.content) { last throws(Failure) in
            try catalogue.holdings(of: store, after: last, limit: RepairQueue.page)
        }
        while let page = try await pages.next() {
            let contents = page.map(\.content)
            let failures = try await station.work { () throws(Failure) in
                try catalogue.change { (change) throws(Failure) in
                    var failures: [Failure] = []
                    for content in contents {
                        if let failure = try onlyKept(content, by: store, others, in: change) {
                            failures.append(failure)
                        }
                    }
                    if failures.isEmpty {
                        try change.append(.holding(Holding(contents, in: BitSet([store]), .nothing)))
                    }
                    return failures
                }
            }
            if !failures.isEmpty { return failures }
        }
        try await station.work { () throws(Failure) in
            try catalogue.change { (change) throws(Failure) in
                guard change.inventory(of: store) == 0 else {
                    throw Failure(.failed, [], "something was published there meanwhile: run leave again")
                }
                try change.append(.left(BitSet([store])))
            }
        }
        return []
    }
}

/// The failure to report if the content would be lost without the store.
private func onlyKept(
    _ content: ContentID, by store: Int, _ others: BitSet, in change: borrowing Change
) throws(Failure) -> Failure? {
    let holders = try change.holders(of: content)
    if !holders.complete.intersection(others).isEmpty { return nil }
    guard let manifest = try change.manifest(of: content) else { return nil }
    var kept = BitSet()
    for part in holders.parts where others.contains(part.store) { kept.formUnion(part.chunks) }
    let mine = holders.extent(of: store)
    let only = manifest.chunks.indices.filter { chunk in
        mine.contains(chunk) && !kept.contains(chunk)
            && manifest.chunks[chunk] != zeroChunkID(length: manifest.length(of: chunk))
    }
    guard !only.isEmpty, let name = try change.names(of: content).first else { return nil }
    return Failure(.failed, name, "\(only.count) of \(manifest.chunks.count) chunks are kept nowhere else")
}
