// What stands under the name that a file is to get: a file of as many bytes is refused at the first chunk that differs,
// before that is moved or written. The metadata server has the last word, as on all others.

import DaftCatalogue
import DaftModel
import DaftWire

struct Incumbent: Sendable {
    private let manifest: Manifest

    /// Nil where nothing stands there, or this rank does not know it yet. Blocking.
    init?(of file: IngestFile, _ chunkSize: ChunkSize, in catalogue: Catalogue) throws(Failure) {
        guard let content = file.standing, let manifest = try catalogue.manifest(content),
            manifest.size == file.info.size, manifest.chunkSize == chunkSize
        else { return nil }
        self.manifest = manifest
    }

    func admit(_ ids: some Sequence<ChunkID>, of span: Span) throws(Failure) {
        for (chunk, id) in zip(span.chunks, ids) {
            // What it is asked for comes from another rank, and need not lie within the file.
            guard manifest.chunks.indices.contains(chunk), manifest.chunks[chunk] == id else {
                throw Failure(.taken, [], isTaken(by: "another file"))
            }
        }
    }
}
