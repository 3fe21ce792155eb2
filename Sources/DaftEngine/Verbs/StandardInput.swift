// `-` as a source of put, bcast and diffuse: spools standard input to a file beside the catalogue until it is
// published. Input that breaks off is not published.

import DaftLink
import DaftModel
import DaftStore

extension Session {
    private static let pauseMilliseconds = 20

    /// Runs `body` with `-` replaced by the spool file.
    func spooling(
        _ sources: [[UInt8]], _ body: ([[UInt8]]) async throws(Failure) -> Report
    ) async throws(Failure) -> Report {
        guard let index = sources.firstIndex(where: isStandardInput) else { return try await body(sources) }
        let (input, directory) = (sources[index], station.privateDirectory)
        let mode = 0o666 & ~umask
        let spool = try await station.work { () throws(Failure) in try Spool(input, in: directory, mode: mode) }
        let result = await Result.of { () async throws(Failure) in
            try await fill(spool)
            var sources = sources
            sources[index] = spool.path
            return try await body(sources)
        }
        await station.workers.run { spool.remove() }
        return try result.get()
    }

    private func fill(_ spool: Spool) async throws(Failure) {
        while true {
            if Task.isCancelled { throw Failure(.stopped, [], "stopped before standard input ended") }
            switch try await station.work({ () throws(Failure) in try spool.step() }) {
            case .more: break
            case .nothingYet: await station.loop.sleep(milliseconds: Session.pauseMilliseconds)
            case .end: return
            }
        }
    }
}
