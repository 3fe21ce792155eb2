// Planted faults (mutation tests): what each does, where, and which properties must detect it. A simulation that misses
// one is useless.

import DaftLink
import DaftModel
import DaftWire
import Foundation
import Testing

struct Flaws: Sendable {
    var disk = DiskFlaws()
    var tampering = Tampering()
    /// A power loss looks like a mere kill.
    var keepsBootID = false
    /// Store functions that continue without waiting for the content lock.
    var lockBypassingCallers: Set<String> = []
}

struct PlantedFault: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// Numbers of the properties that may detect it.
    let caughtBy: Set<Character>
    /// The hazards needed to reveal it.
    var hazards: Set<Hazard> = []
    var isDurable = false
    /// The seed tried first, which revealed it when this was written.
    let likelySeed: UInt64
    let flaws: Flaws

    init(
        _ what: String, caughtBy: Set<Character>, in hazards: Set<Hazard> = [], isDurable: Bool = false,
        likelySeed: UInt64 = 1, _ plant: (inout Flaws) -> Void
    ) {
        testDescription = what
        self.caughtBy = caughtBy
        self.hazards = hazards
        self.isDurable = isDurable
        self.likelySeed = likelySeed
        var flaws = Flaws()
        plant(&flaws)
        self.flaws = flaws
    }

    /// DAFT_FAULT=word: only faults whose names contain the word.
    static let chosen: [PlantedFault] = {
        guard let word = ProcessInfo.processInfo.environment["DAFT_FAULT"] else { return all }
        return all.filter { $0.testDescription.contains(word) }
    }()

    private static let all = ofDisks + ofServers + ofTheMetadataServer + ofAskers

    private static let ofDisks = [
        PlantedFault("files are not synced", caughtBy: ["1", "2"], in: [.power], isDurable: true) {
            $0.disk.skipsFileSyncs = true
        },
        PlantedFault("directories are not synced", caughtBy: ["2"], in: [.power], isDurable: true) {
            $0.disk.skipsDirectorySyncs = true
        },
        PlantedFault("a failed write is taken for done", caughtBy: ["1", "2"], in: [.disk]) {
            $0.disk.swallowsFailures = true
        },
        PlantedFault("a byte is written other than it was verified", caughtBy: ["1", "2"]) {
            $0.disk.writes = { bytes in
                var bytes = ContiguousArray(bytes)
                if bytes.count > 4000 { bytes[17] ^= 1 }
                return bytes
            }
        },
        PlantedFault("the end of each write is left out", caughtBy: ["1", "2"]) {
            $0.disk.writes = { ContiguousArray($0.prefix(max(1, $0.count - 1))) }
        },
        PlantedFault(
            "after a loss of power files are trusted by their looks", caughtBy: ["1", "2"], in: [.power], likelySeed: 2
        ) {
            $0.keepsBootID = true
        },
    ]

    private static let ofServers = [
        PlantedFault("a copy is reported done before it is", caughtBy: ["2", "3"], likelySeed: 23) {
            $0.tampering.leaving = { reply, request in
                guard case .order(.fetch) = request, case .working = reply else { return reply }
                return .finished(.fetched(Fetched(files: 0, moved: 0, failures: [], lacking: [])))
            }
        },
        PlantedFault("parts are said to be settled and are not", caughtBy: ["2", "3"]) {
            $0.tampering.instead = { request in
                if case .order(.settle) = request { .finished(.placed([])) } else { nil }
            }
        },
        PlantedFault("names are said to be given and are not", caughtBy: ["2"]) {
            $0.tampering.instead = { request in
                if case .order(.place) = request { .finished(.placed([])) } else { nil }
            }
        },
        PlantedFault("another chunk's bytes are supplied", caughtBy: ["2"]) {
            $0.tampering.supplied = { supply, run in
                guard let slab = supply.slab, run.byteCount > 0 else { return supply }
                slab.withMutableBytes { $0[run.byteCount / 2] ^= 1 }
                return supply
            }
        },
        PlantedFault(
            "further copies are said to be made and are not", caughtBy: ["2"], in: [.destruction], likelySeed: 3
        ) {
            $0.tampering.instead = { request in
                guard case .order(.replicate(let replicate)) = request else { return nil }
                let files = Int64(replicate.wanted.count)
                return .finished(.fetched(Fetched(files: files, moved: 0, failures: [], lacking: [])))
            }
        },
        PlantedFault("a check does not wait for what is being placed", caughtBy: ["2"], in: [.slowness], likelySeed: 19)
        {
            $0.lockBypassingCallers = ["check(_:buffer:directly:)"]
        },
        PlantedFault("slabs are not given back", caughtBy: ["4"]) { $0.tampering.hoard = Hoard() },
    ]

    private static let ofTheMetadataServer = [
        PlantedFault("a publication is acknowledged and not recorded", caughtBy: ["2"]) {
            $0.tampering.instead = { request in
                guard case .publish(let publication) = request else { return nil }
                return .published(1, publication.entries.map { _ in .new })
            }
        },
        PlantedFault("a delta lacks a record", caughtBy: ["2", "3", "4"]) {
            $0.tampering.leaving = { reply, _ in
                guard case .records(let delta) = reply, delta.records.count > 2 else { return reply }
                var records = delta.records
                records.remove(at: records.count / 2)
                return .records(Delta(records: records, head: delta.head))
            }
        },
        PlantedFault("two names change their contents", caughtBy: ["2"]) {
            $0.tampering.carriedOut = { request in
                guard case .publish(let publication) = request else { return request }
                return .publish(
                    Publication(
                        entries: crossed(publication.entries), contents: publication.contents,
                        copies: publication.copies))
            }
        },
        PlantedFault("what a store keeps a part of is taken for whole", caughtBy: ["2", "3"], likelySeed: 4) {
            $0.tampering.carriedOut = { request in
                guard case .publish(let publication) = request else { return request }
                let contents = publication.contents.map { kept in
                    KeptContent(
                        id: kept.id, manifest: kept.manifest,
                        holdings: kept.holdings.map { StoreExtent(store: $0.store, .complete) })
                }
                return .publish(
                    Publication(entries: publication.entries, contents: contents, copies: publication.copies))
            }
        },
        PlantedFault("that several copies are wanted is forgotten", caughtBy: ["2"], in: [.destruction], likelySeed: 3)
        {
            $0.tampering.carriedOut = { request in
                guard case .publish(let publication) = request else { return request }
                return .publish(Publication(entries: publication.entries, contents: publication.contents))
            }
        },
        PlantedFault("copies are not recorded", caughtBy: ["3"], likelySeed: 2) {
            $0.tampering.instead = { request in if case .hold = request { .done } else { nil } }
        },
    ]

    private static let ofAskers = [
        PlantedFault("a refusal is taken for consent", caughtBy: ["5"], likelySeed: 18) {
            $0.tampering.arriving = { reply in
                guard case .published(let state, let verdicts) = reply else { return reply }
                return .published(state, verdicts.map { if case .refused = $0 { .new } else { $0 } })
            }
        },
        PlantedFault("an answer is waited for without end", caughtBy: ["4"], in: [.loss]) {
            $0.tampering.patienceMilliseconds = { _ in 100 * Cluster.limitMilliseconds }
        },
        PlantedFault("work leaves its loop", caughtBy: ["4"]) { $0.tampering.strays = true },
    ]
}

/// The first two files of a publication with their contents swapped.
private func crossed(_ entries: [NamedEntry]) -> [NamedEntry] {
    let files = entries.indices.filter { entries[$0].entry.content != nil }
    guard files.count > 1 else { return entries }
    var entries = entries
    let (a, b) = (entries[files[0]], entries[files[1]])
    entries[files[0]] = NamedEntry(a.name, Entry(b.entry.kind, mode: a.entry.mode, mtime: a.entry.mtime))
    entries[files[1]] = NamedEntry(b.name, Entry(a.entry.kind, mode: b.entry.mode, mtime: b.entry.mtime))
    return entries
}
