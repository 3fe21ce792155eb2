// Writes a client's file: spools the bytes on this node, then publishes the spool file.

import DaftLink
import DaftModel
import DaftStore
import Synchronization

final class NamespaceWriter: FileWriter {
    /// Small appends are collected into writes of this size.
    private static let bufferBytes = 1 << 20

    private struct State {
        var buffer: [UInt8] = []
        /// File offset of the buffer's first byte.
        var start: Int64 = 0
        var isOpen = true
    }

    private let session: Session
    private let name: Name
    private let options: CreateOptions
    private let file: SpoolFile
    private let state = Mutex(State())
    private var station: Station { session.station }

    init(_ session: Session, _ name: Name, _ options: CreateOptions) async throws(Failure) {
        (self.session, self.name, self.options) = (session, name, options)
        let directory = session.station.privateDirectory
        file = try await session.station.work { () throws(Failure) in
            try SpoolFile(in: directory, mode: options.mode)
        }
    }

    deinit { file.remove() }

    func append(_ bytes: RawSpan) async throws(Failure) {
        let full = bytes.withUnsafeBytes { bytes in
            state.withLock { state in
                state.buffer.append(contentsOf: bytes)
                return state.buffer.count >= NamespaceWriter.bufferBytes
            }
        }
        if full { try await flush() }
    }

    func write(_ bytes: RawSpan, at offset: Int64) async throws(Failure) {
        guard offset >= 0 else { throw Failure(.usage, name, "nothing is before the beginning of a file") }
        let copy = bytes.withUnsafeBytes { Array($0) }
        try await flush()
        try await write(copy, offset)
        state.withLock { $0.start = offset + Int64(copy.count) }
    }

    func publish() async throws(Failure) -> Attributes {
        try await flush()
        let file = file
        if let mtime = options.mtime { try await station.work { () throws(Failure) in try file.set(mtime: mtime) } }
        let report = await session.put([file.path], as: name)
        await abandon()
        if let failure = report.failures.first { throw named(failure) }
        try await station.catchUp()
        return try await Namespace(session).attributes(of: name)
    }

    func abandon() async {
        let isFirst = state.withLock { state in
            defer { state.isOpen = false }
            return state.isOpen
        }
        let file = file
        if isFirst { await station.workers.run { file.remove() } }
    }

    private func flush() async throws(Failure) {
        let (bytes, start, isOpen) = state.withLock { state in
            defer {
                state.start += Int64(state.buffer.count)
                state.buffer = []
            }
            return (state.buffer, state.start, state.isOpen)
        }
        if !isOpen { throw Failure(.stopped, name, "its writer has ended") }
        if !bytes.isEmpty { try await write(bytes, start) }
    }

    private func write(_ bytes: [UInt8], _ offset: Int64) async throws(Failure) {
        let file = file
        do throws(Failure) {
            try await station.work { () throws(Failure) in
                try bytes.span.bytes.withUnsafeBytes { (bytes) throws(Failure) in try file.write(bytes, at: offset) }
            }
        } catch {
            throw named(error)
        }
    }

    /// Replaces the spool path, which the client does not know, with the file's name.
    private func named(_ failure: Failure) -> Failure {
        let isSpool = failure.subject == file.path
        return Failure(failure.kind, isSpool ? name.bytes : failure.subject, node: failure.node, failure.reason)
    }
}
