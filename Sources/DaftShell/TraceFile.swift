// The file of `--trace`: checked before any work, written at the end.

import DaftCommand
import DaftEngine
import DaftModel
import DaftPlan
import Glibc
import Synchronization

public final class TraceFile: Sendable {
    private let path: [UInt8]
    private let file: Int32
    /// The first failure.
    private let failure = Mutex<Failure?>(nil)

    /// Existing contents stay until there is something to write.
    init(_ path: [UInt8]) throws(Failure) {
        self.path = path
        file = (path + [0]).withUnsafeBytes {
            open($0.bindMemory(to: CChar.self).baseAddress!, O_WRONLY | O_CREAT | O_CLOEXEC, 0o666)
        }
        guard file >= 0 else { throw Failure(.usage, path, "--trace: \(String(cString: strerror(errno)))") }
    }

    deinit { close(file) }

    /// Collects all ranks' trace events and writes them on the console's thread; returns what is missing.
    fileprivate func write(from station: Station, by console: Console) async throws(Failure) -> [Failure] {
        ftruncate(file, 0)
        append(TraceLines.beginning)
        var dropped: [(rank: Rank, events: UInt64)] = []
        let missing = await station.collectTraces { [self] trace in
            if trace.dropped > 0 { dropped.append((trace.rank, trace.dropped)) }
            await console.run { [self] in
                append(TraceLines.part(rank: trace.rank, host: trace.host, trace.events))
            }
        }
        append(TraceLines.end(dropped: dropped, missing: missing.map(\.description)))
        if let failure = failure.withLock({ $0 }) {
            // A partial trace is useless.
            ftruncate(file, 0)
            throw failure
        }
        return missing + dropped.map { rank, events in tooMany(events, of: rank) }
    }

    private func append(_ text: String) {
        failure.withLock { failure in
            guard failure == nil, case .failed(let code) = DaftShell.write(text, to: file) else { return }
            failure = Failure(.failed, path, "the trace could not be written: \(String(cString: strerror(code)))")
        }
    }

    private func tooMany(_ events: UInt64, of rank: Rank) -> Failure {
        Failure(.failed, path, "\(events) events of \(rank) are lacking: it keeps the first \(Trace.room)")
    }
}

extension Options {
    /// The trace file, if requested.
    public func traceFile() throws(Failure) -> TraceFile? {
        guard let path = trace else { return nil }
        return try TraceFile(path)
    }
}

extension Invocation {
    /// Writes the trace after a run that ended with `status`; returns the combined status.
    public func write(_ trace: TraceFile?, of station: Station, status: Int32) async -> Int32 {
        guard let trace else { return status }
        do throws(Failure) {
            for warning in try await trace.write(from: station, by: console) where !options.quiet {
                await console.writeMessage("warning: \(warning)")
            }
            return status
        } catch {
            await console.fail(error)
            return status == 0 ? error.exitStatus : status
        }
    }
}
