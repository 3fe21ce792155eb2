// The short orders of a data server: place names, settle parts, discard contents, look up sources.

import DaftCatalogue
import DaftModel
import DaftStore
import DaftWire
import Synchronization

struct StoreOrders {
    private let station: Station
    private let store: Store

    init(_ station: Station, _ store: Store) {
        self.station = station
        self.store = store
    }

    func place(_ entries: [NamedEntry]) async -> [Failure] {
        await located { [store] () throws(Failure) in
            let failures =
                try store.place(entries) + store.finishDirectories(entries.filter(\.entry.isDirectory))
            if failures.isEmpty { try store.syncDirectories() }
            return failures
        }
    }

    /// Like `place`, for names published before. Foreign or modified files in the way are moved aside; warnings name
    /// their new paths.
    func restore(_ entries: [NamedEntry]) async -> (failures: [Failure], warnings: [Failure]) {
        let moved = Mutex<[Failure]>([])
        let failures = await located { [store] () throws(Failure) in
            let first = try store.place(entries)
            let taken = Set(first.filter { $0.kind == .taken }.map(\.subject))
            let again = entries.filter { taken.contains($0.name.bytes) && !$0.entry.isDirectory }
            if again.isEmpty { return first }
            for named in again {
                let place = try store.setAside(named.name)
                let reason = "had been changed in its store: what stood there is in \(shown(place)) now"
                moved.withLock { $0.append(Failure(.changed, named.name, reason)) }
            }
            let names = Set(again.map(\.name.bytes))
            return first.filter { !names.contains($0.subject) } + (try store.place(again))
        }
        return (failures, moved.withLock { $0.map { $0.at(station.settings.host) } })
    }

    /// Like `place`, for part of a list; the last call sets the directories' modes and mtimes.
    func placeFiles(_ entries: [NamedEntry]) async -> [Failure] {
        await located { [store] () throws(Failure) in try store.place(entries) }
    }

    /// Also reports to the metadata server what this store keeps beyond the published extent.
    func note(_ entries: [NamedEntry]) async -> [Failure] {
        let more = entries.compactMap(\.entry.content).filter { content in
            station.keepsMore.withLock { $0.remove(content) != nil }
        }
        let holdings = Mutex<[Holding]>([])
        let failures = await located { [store, number = station.number] () throws(Failure) in
            try store.note(entries)
            guard let number else { return [] }
            for content in more {
                let extent = try store.extent(of: content)
                holdings.withLock { $0.append(Holding([content], in: BitSet([number]), extent)) }
            }
            return []
        }
        return failures + (await hold(holdings.withLock { $0 }))
    }

    private func hold(_ holdings: [Holding]) async -> [Failure] {
        if holdings.isEmpty { return [] }
        do throws(Failure) {
            _ = try await station.ask(.hold(holdings), at: .metadataServer)
            return []
        } catch {
            return [error.at(station.settings.host)]
        }
    }

    func writeOut(_ order: WriteOut) async -> [Failure] {
        await located { [store] () throws(Failure) in
            try store.writeOut(order)
            return []
        }
    }

    /// Looks up known sources and placed names.
    func look(_ order: Order) async -> Outcome {
        do throws(Failure) {
            return try await station.work { [store] () throws(Failure) in
                switch order {
                case .recognise(let files): return .recognised(try store.recognise(files))
                case .inspect(let entries): return .inspected(try store.inspect(entries))
                case .remember(let files): try store.remember(files)
                default: break
                }
                return .placed([])
            }
        } catch { return .failed(error.at(station.settings.host)) }
    }

    func settle(_ settled: [Settled]) async -> [Failure] {
        var failures: [Failure] = []
        for part in settled {
            // Wait for an ingest of the same key into this store.
            await station.contentLocks.claim(part.key)
            failures += await located { [station, store] () throws(Failure) in
                let manifest = part.manifest
                store.retain(part.content)
                let partialFile = try store.ingest(part.key, size: manifest.size, chunkSize: manifest.chunkSize)
                let taken = Extent(partialFile.have, of: manifest.chunks.count)
                try partialFile.finish(as: part.content, manifest)
                let isMore = try store.extent(of: part.content) != taken
                station.keepsMore.withLock { more in
                    if more.remove(part.key) != nil || isMore { more.insert(part.content) }
                }
                return []
            }
            station.contentLocks.release(part.key)
        }
        return failures
    }

    /// Drops refused contents unless they are still used: by a name, by another staging, or by the catalogue, which may
    /// know them from elsewhere and then count this copy.
    func discard(_ contents: [ContentID]) async -> [Failure] {
        do throws(Failure) { try await station.catchUp() } catch { return [error.at(station.settings.host)] }
        let catalogue = station.catalogue
        let known = Mutex<[Holding]>([])
        let failures = await located { [store, number = station.number] () throws(Failure) in
            for content in contents where try store.isUnused(content) {
                if try catalogue.size(of: content) == nil {
                    try store.drop(content)
                } else if let number {
                    let extent = try store.extent(of: content)
                    known.withLock { $0.append(Holding([content], in: BitSet([number]), extent)) }
                }
            }
            return []
        }
        return failures + (await hold(known.withLock { $0 }))
    }

    /// Runs store work and adds this node's name to its failures.
    private func located(_ body: @escaping @Sendable () throws(Failure) -> [Failure]) async -> [Failure] {
        let host = station.settings.host
        do throws(Failure) {
            return try await station.work(body).map { $0.at(host) }
        } catch {
            return [error.at(host)]
        }
    }
}
