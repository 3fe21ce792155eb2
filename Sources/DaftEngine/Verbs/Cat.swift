// cat: streams the bytes of a published file.

import DaftLink
import DaftModel
import DaftWire

extension Session {
    /// Passes verified chunks to `write` in order; a slow `write` delays reading.
    public func cat(
        _ name: Name, to write: @escaping @Sendable ([UInt8]) async throws(Failure) -> Void
    ) async -> Report {
        var report = Report()
        do throws(Failure) {
            _ = try await syncedMembers()
            let reader = try await view.reader(of: name)
            let (size, chunks) = (reader.attributes.size, reader.chunks)
            let before = chunks.progressCounter.moved
            let progressCounter = ProgressCounter()
            progressCounter.expect(bytes: size, files: 1)
            let part = commandProgress.begin({ progressCounter.now }, from: { await chunks.asked })
            defer {
                commandProgress.end(part)
                report.moved = chunks.progressCounter.moved - before
            }
            while report.bytes < size {
                let bytes = try await reader.piece(at: report.bytes)
                try await write(bytes)
                progressCounter.add(bytes: Int64(bytes.count))
                report.bytes += Int64(bytes.count)
            }
            report.files = 1
        } catch {
            report.failures = [error]
        }
        return report
    }
}
