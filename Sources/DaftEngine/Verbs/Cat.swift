// cat: a published file's bytes, in order, to whoever takes them.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftStore
import DaftWire

extension Session {
    /// Each is in memory of the reader's own, who may stop reading for as long as it likes.
    private static let chunksUnderWay = 2

    /// Hands the file's bytes on, verified, chunk by chunk; `write` may take its time.
    public func cat(
        _ name: Name, to write: @escaping @Sendable ([UInt8]) async throws(Failure) -> Void
    ) async -> Report {
        do throws(Failure) {
            _ = try await lookAround()
            let wanted = try await wantedFile(name)
            return try await pour(wanted, write)
        } catch {
            return .failed(error)
        }
    }

    private func wantedFile(_ name: Name) async throws(Failure) -> Wanted {
        let catalogue = station.catalogue
        return try await station.work { () throws(Failure) in
            guard let entry = try catalogue.entry(name) else {
                throw Failure(.noSuchName, name, "no such name is published")
            }
            guard let content = entry.content else {
                throw Failure(.failed, name, "it is a \(entry.word), not a file")
            }
            return Wanted(content: content, manifest: try catalogue.manifest(ofNamed: content), name: name)
        }
    }

    private func pour(
        _ wanted: Wanted, _ write: @escaping @Sendable ([UInt8]) async throws(Failure) -> Void
    ) async throws(Failure) -> Report {
        let progressCounter = ProgressCounter()
        let selector = SourceSelector(station, progressCounter: progressCounter, isForOwnStore: false)
        let (station, manifest) = (station, wanted.manifest)
        progressCounter.expect(bytes: manifest.size, files: 1)
        let part = commandProgress.begin({ progressCounter.now }, from: { await selector.asked })
        defer { commandProgress.end(part) }
        var chunk = 0
        var failure: Failure?
        await station.loop.inOrder(width: Session.chunksUnderWay) {
            guard failure == nil, chunk < manifest.chunks.count, !Task.isCancelled else { return nil as Int? }
            defer { chunk += 1 }
            return chunk
        } work: { chunk in
            await Result.of { () async throws(Failure) in
                let length = manifest.length(of: chunk)
                guard manifest.chunks[chunk] == zeroChunkID(length: length) else {
                    return try await selector.obtain(wanted, chunk: chunk).slice(0, length).withBytes { Array($0) }
                }
                return [UInt8](repeating: 0, count: length)
            }
        } take: { result in
            guard failure == nil else { return }
            do throws(Failure) {
                let bytes = try result.get()
                try await write(bytes)
                progressCounter.add(bytes: Int64(bytes.count))
            } catch {
                failure = error
            }
        }
        var report = Report()
        report.bytes = progressCounter.now.bytes
        report.moved = progressCounter.moved
        report.files = failure == nil ? 1 : 0
        report.failures = failure.map { [$0] } ?? []
        if Task.isCancelled { report.failures.append(Failure(.stopped, wanted.name, "stopped")) }
        return report
    }
}
