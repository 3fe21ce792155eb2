// The filesystem of a data server's store, and whether it could be opened: determined by each rank, printed by rank 0.

import DaftEngine
import DaftModel

struct StorageCheck: Coded {
    static let minimumSize = 24
    private let host: String
    private let store: [UInt8]
    private let filesystem: Filesystem
    /// Why the rank could not start; at most one.
    let failures: [Failure]
    /// A warning about its directory; at most one.
    private let warnings: [Failure]

    init(_ settings: Settings) {
        self.init(
            settings.host, settings.store ?? [], settings.filesystem ?? Filesystem(number: 0), failures: [],
            warnings: [])
    }

    private init(
        _ host: String, _ store: [UInt8], _ filesystem: Filesystem, failures: [Failure], warnings: [Failure]
    ) {
        (self.host, self.store, self.filesystem) = (host, store, filesystem)
        (self.failures, self.warnings) = (failures, warnings)
    }

    func failing(_ failure: Failure) -> StorageCheck {
        StorageCheck(host, store, filesystem, failures: [failure], warnings: warnings)
    }

    func warning(_ warning: Failure?) -> StorageCheck {
        StorageCheck(host, store, filesystem, failures: failures, warnings: warning.map { [$0] } ?? [])
    }

    func warnings(isChosen: Bool) -> [Failure] {
        warnings + (filesystemWarning(isChosen: isChosen).map { [$0] } ?? [])
    }

    /// An in-memory store is fine if the user chose it.
    private func filesystemWarning(isChosen: Bool) -> Failure? {
        switch filesystem.sort {
        case .local: return nil
        case .shared:
            return Failure(
                .failed, store, node: host,
                "on \(filesystem.name), no disk of the node's own: choose one with --store")
        case .inMemory:
            if isChosen { return nil }
            return Failure(
                .failed, store, node: host,
                "on \(filesystem.name): what is staged there takes memory, and counts as the job's")
        }
    }

    init(from reader: inout ByteReader) throws(Malformed) {
        self.init(
            try reader.text(), try reader.run(), Filesystem(number: try reader.u64()), failures: try reader.list(),
            warnings: try reader.list())
    }

    func encode(into writer: inout ByteWriter) {
        writer.text(host)
        writer.run(store)
        writer.u64(filesystem.number)
        writer.list(failures)
        writer.list(warnings)
    }
}
