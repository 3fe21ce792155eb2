// What a data server's store lies on, and whether it could be opened: each rank says it of itself, and rank 0 to the
// user.

import DaftCore
import DaftEngine

struct Ground: Coded {
    static let minimumSize = 20
    private let host: String
    private let store: [UInt8]
    private let filesystem: Filesystem
    /// Why the rank could not begin; at most one.
    let failures: [Failure]

    init(_ settings: Settings) {
        self.init(
            settings.host, settings.store ?? [], settings.filesystem ?? Filesystem(number: 0), failures: [])
    }

    private init(_ host: String, _ store: [UInt8], _ filesystem: Filesystem, failures: [Failure]) {
        (self.host, self.store, self.filesystem, self.failures) = (host, store, filesystem, failures)
    }

    func failing(_ failure: Failure) -> Ground { Ground(host, store, filesystem, failures: [failure]) }

    /// Memory is nobody's mistake who has chosen it.
    func warning(isChosen: Bool) -> Failure? {
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
            try reader.text(), try reader.run(), Filesystem(number: try reader.u64()), failures: try reader.list())
    }

    func encode(into writer: inout ByteWriter) {
        writer.text(host)
        writer.run(store)
        writer.u64(filesystem.number)
        writer.list(failures)
    }
}
