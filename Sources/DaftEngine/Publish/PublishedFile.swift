// The published file at a name that is to be ingested: a new file of the same size is refused at its first differing
// chunk, before that is moved or written. The metadata server has the final decision.

import DaftCatalogue
import DaftModel
import DaftWire

struct PublishedFile: Sendable {
    private let manifest: Manifest

    /// Nil if nothing is published there or this replica does not have it yet. Blocks.
    init?(of file: IngestFile, _ chunkSize: ChunkSize, in catalogue: Catalogue) throws(Failure) {
        guard let content = file.publishedContent, let manifest = try catalogue.manifest(content),
            manifest.size == file.info.size, manifest.chunkSize == chunkSize
        else { return nil }
        self.manifest = manifest
    }

    func admit(_ ids: some Sequence<ChunkID>, of span: Span) throws(Failure) {
        for (chunk, id) in zip(span.chunks, ids) {
            // The index comes from another rank and may be out of range.
            guard manifest.chunks.indices.contains(chunk), manifest.chunks[chunk] == id else {
                throw Failure(.taken, [], isTaken(by: "another file"))
            }
        }
    }
}
