// Files of this rank's user that other ranks may read, such as `put` offers to a data server on another node.

import DaftLink
import DaftModel
import DaftStore
import DaftWire
import Synchronization

final class OfferTable: Sendable {
    private struct State {
        var made: UInt64
        var offers: [UInt64: Offered] = [:]
    }

    private let workers: Workers
    private let trace: Trace?
    private let state: Mutex<State>

    /// Numbers start at `now`, so that a restarted process does not reuse numbers that other ranks remember.
    init(workers: Workers, now: Nanoseconds, trace: Trace?) {
        self.workers = workers
        self.trace = trace
        state = Mutex(State(made: now))
    }

    /// A number that no offer of this rank has had or will have.
    func freshNumber() -> UInt64 {
        state.withLock { state in
            state.made += 1
            return state.made
        }
    }

    /// Makes files readable under a number until it is withdrawn; ranks that request a turn are limited by `throttle`.
    func make(_ files: [SourceFileInfo], chunkSize: ChunkSize, _ throttle: Throttle? = nil) -> UInt64 {
        let number = freshNumber()
        state.withLock { $0.offers[number] = Offered(files, chunkSize, throttle) }
        return number
    }

    /// The chunk size of an offer, which another rank may have chosen.
    func chunkBytes(of number: UInt64) -> Int? { state.withLock { $0.offers[number]?.chunkSize.bytes } }

    func withdraw(_ number: UInt64) { state.withLock { $0.offers[number] = nil } }

    /// How long a rank must wait before it reads these spans.
    func pace(_ number: UInt64, _ spans: [Span]) async throws(Failure) -> Nanoseconds {
        guard let offered = state.withLock({ $0.offers[number] }) else {
            throw Failure(.missing, [], "the file is no longer offered")
        }
        guard let throttle = offered.throttle else { return 0 }
        return throttle.reserve(await workers.run { spans.reduce(0) { $0 + offered.bytesToRead(of: $1) } })
    }

    /// Reads and hashes spans of chunks, using the `scratch` slabs.
    func identify(_ number: UInt64, _ spans: [Span], scratch: [Slab]) async -> [Identified] {
        guard let offered = state.withLock({ $0.offers[number] }) else {
            return spans.map { _ in .failed(Failure(.missing, [], "the file is no longer offered")) }
        }
        return await workers.run { [trace] in
            spans.map { span in
                do throws(Failure) {
                    return .ids(try offered.identify(span, scratch: scratch, trace: trace))
                } catch {
                    return .failed(error)
                }
            }
        }
    }

    /// Reads one chunk for another rank. Blocks.
    func read(_ number: UInt64, _ file: Int, chunk: Int, into memory: UnsafeMutableRawBufferPointer) -> PieceState {
        guard let offered = state.withLock({ $0.offers[number] }) else { return .missing }
        do throws(Failure) {
            guard try offered.length(of: chunk, in: file) == memory.count else { return .missing }
            let source = try offered.open(file)
            return try trace.timed(.read, TraceEvent.Subject(), bytes: memory.count) { () throws(Failure) in
                _ = try source.read(chunk, of: offered.chunkSize, into: memory)
                return .sent
            }
        } catch {
            return error.kind == .changed ? .changed : .missing
        }
    }
}

/// The files of one offer, with a cache of recently used descriptors.
private final class Offered: Sendable {
    private static let openFiles = 8

    let chunkSize: ChunkSize
    let throttle: Throttle?
    private let files: [SourceFileInfo]
    private let open = Mutex<[(file: Int, source: SourceFile)]>([])

    init(_ files: [SourceFileInfo], _ chunkSize: ChunkSize, _ throttle: Throttle?) {
        self.files = files
        self.chunkSize = chunkSize
        self.throttle = throttle
    }

    func open(_ file: Int) throws(Failure) -> SourceFile {
        guard files.indices.contains(file) else { throw Failure(.missing, [], "no such file is offered") }
        if let known = open.withLock({ $0.first { $0.file == file } }) { return known.source }
        let source = try SourceFile(files[file])
        open.withLock { open in
            if open.count == Offered.openFiles { open.removeFirst() }
            open.append((file, source))
        }
        return source
    }

    /// The length of a chunk; the indices come from another rank and are checked.
    func length(of chunk: Int, in file: Int) throws(Failure) -> Int {
        guard files.indices.contains(file), chunk < chunkSize.count(of: files[file].size) else {
            throw Failure(.missing, [], "no such chunk is offered")
        }
        return chunkSize.length(of: chunk, in: files[file].size)
    }

    /// Bytes of a span without holes; 0 if the file cannot be opened. Blocks.
    func bytesToRead(of span: Span) -> Int64 {
        guard files.indices.contains(span.file) else { return 0 }
        let size = files[span.file].size
        let count = chunkSize.count(of: size)
        let chunks = span.chunks.clamped(to: 0..<count)
        // Do not open single-chunk files just for their holes.
        let source = count > 1 ? try? open(span.file) : nil
        if count > 1, source == nil { return 0 }
        return chunks.reduce(0) { sum, chunk in
            let isHole = (try? source?.isHole(chunk, of: chunkSize)) ?? false
            return sum + (isHole ? 0 : Int64(chunkSize.length(of: chunk, in: size)))
        }
    }

    func identify(_ span: Span, scratch: [Slab], trace: Trace?) throws(Failure) -> [ChunkID] {
        let source = try open(span.file)
        guard span.first + span.count <= chunkSize.count(of: files[span.file].size) else {
            throw Failure(.malformed, files[span.file].path, "chunks beyond the end of the file were asked for")
        }
        let ids = try source.identify(span.chunks, of: chunkSize, scratch: scratch, trace: trace)
        try source.confirm()
        return ids
    }
}
