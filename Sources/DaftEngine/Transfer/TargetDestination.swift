// The user's disk as the destination of pulls, for `get`.

import DaftModel
import DaftStore
import Synchronization

final class TargetDestination: Destination {
    private let tree: TargetTree
    private let root: Name
    private let host: String
    private let entries = Mutex<[Name: Entry]>([:])

    /// Failures are attributed to `host`.
    init(_ tree: TargetTree, _ root: Name, on host: String) {
        self.tree = tree
        self.root = root
        self.host = host
    }

    /// Registers the entry to write for a pulled name.
    func expect(_ named: NamedEntry) { entries.withLock { $0[named.name] = named.entry } }
    func forget(_ name: Name) { entries.withLock { $0[name] = nil } }

    var isOwnStore: Bool { false }

    func open(_ wanted: Wanted, buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> any Sink {
        let (relative, entry) = try target(of: wanted)
        return try on(host) { () throws(Failure) in
            let file = try tree.file(relative, entry, wanted.manifest)
            try file.inspect(buffer: buffer)
            return TargetSink(file: file, host: host)
        }
    }

    func take(_ whole: [(wanted: Wanted, bytes: UnsafeRawBufferPointer)]) -> [Failure?] {
        whole.map { wanted, bytes in
            do throws(Failure) {
                let (relative, entry) = try target(of: wanted)
                try TargetFile.writeWhole(in: tree, relative, entry, bytes)
                return nil
            } catch {
                return error.at(host)
            }
        }
    }

    private func target(of wanted: Wanted) throws(Failure) -> ([UInt8], Entry) {
        guard let entry = entries.withLock({ $0[wanted.name] }), let relative = wanted.name.relative(to: root) else {
            throw Failure(.failed, wanted.name, "nobody asked for it")
        }
        return (Array(relative), entry)
    }
}

private struct TargetSink: NearSink {
    let file: TargetFile
    let host: String

    var have: BitSet { file.have }

    func write(_ chunk: Int, _ id: ChunkID, _ bytes: UnsafeRawBufferPointer) throws(Failure) {
        try on(host) { () throws(Failure) in try file.write(chunk, bytes) }
    }

    func leaveHole(_ chunk: Int, _ id: ChunkID) throws(Failure) {
        try on(host) { () throws(Failure) in try file.leaveHole(chunk) }
    }

    func share(_ kept: KeptFile) throws(Failure) -> KeptFile? {
        try on(host) { () throws(Failure) in try file.share(kept) }
    }

    func keep(_ chunk: Int) { file.keep(chunk) }

    /// Nothing to look for: an earlier run's chunks were found when the file was opened.
    func copyFromNearby(_ chunk: Int, _ id: ChunkID, buffer: UnsafeMutableRawBufferPointer) -> Bool { false }

    func finish() throws(Failure) {
        try on(host) { () throws(Failure) in try file.finish() }
    }

    func pause() { file.abandon() }
}

/// Attributes failures of `body` to `host`.
private func on<T>(_ host: String, _ body: () throws(Failure) -> T) throws(Failure) -> T {
    do throws(Failure) { return try body() } catch { throw error.at(host) }
}
