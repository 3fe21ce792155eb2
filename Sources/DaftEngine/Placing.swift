// The short orders of a data server: names for what it keeps, parts that become parts of a content, and what is
// forgotten.

import DaftCore
import DaftStore

struct Placing {
    private let station: Station
    private let store: Store

    init(_ station: Station, _ store: Store) {
        self.station = station
        self.store = store
    }

    func place(_ entries: [NamedEntry]) async -> [Failure] {
        await located { [store] () throws(Failure) in
            let failures = try store.place(entries)
            return failures + store.finishDirectories(entries.filter(\.entry.isDirectory))
        }
    }

    /// Like `place`, for some of many: whoever places the last sets the directories' mode and mtime.
    func placeFiles(_ entries: [NamedEntry]) async -> [Failure] {
        await located { [store] () throws(Failure) in try store.place(entries) }
    }

    func settle(_ settled: [Settled]) async -> [Failure] {
        await located { [store] () throws(Failure) in
            for part in settled {
                let manifest = part.manifest
                let filling = try store.ingest(part.key, size: manifest.size, chunkSize: manifest.chunkSize)
                try filling.finish(as: part.content, manifest)
            }
            return []
        }
    }

    func discard(_ contents: [ContentID]) async -> [Failure] {
        await located { [store] () throws(Failure) in
            for content in contents where try store.names(of: content).isEmpty { try store.drop(content) }
            return []
        }
    }

    /// The failures of some work on the store, each with this node's name.
    private func located(_ body: @escaping @Sendable () throws(Failure) -> [Failure]) async -> [Failure] {
        let host = station.settings.host
        do throws(Failure) {
            return try await station.work(body).map { $0.at(host) }
        } catch {
            return [error.at(host)]
        }
    }
}
