// Refuses files that conflict with published names whatever their bytes, before anything is read or moved. The metadata
// server decides all other cases.

import DaftCatalogue
import DaftModel

/// Why an entry may not replace the published one; nil if it may.
func refusal(of named: NamedEntry, over existing: Entry) -> Failure? {
    if existing.admits(named.entry) { return nil }
    return takenBy(existing, named.name, isOfSameKind: existing.word == named.entry.word)
}

private func takenBy(_ existing: Entry, _ name: Name, isOfSameKind: Bool) -> Failure {
    Failure(.taken, name, isTaken(by: (isOfSameKind ? "another " : "a ") + existing.word))
}

func isTaken(by what: String) -> String { "\(what) is published under this name; choose another with --as" }

func notBelow(_ above: Entry, _ ancestor: Name, _ name: Name) -> Failure {
    Failure(.taken, name, "\(ancestor) is published as a \(above.word), not as a directory")
}

struct Admission: Sendable {
    let catalogue: Catalogue

    /// The batch without conflicting files, which become failures of its report. Blocks.
    func withoutConflicts(_ batch: PublishJob.Batch) throws(Failure) -> PublishJob.Batch {
        try catalogue.snapshot { (snapshot) throws(Failure) in try withoutConflicts(batch, snapshot) }
    }

    private func withoutConflicts(
        _ batch: PublishJob.Batch, _ catalogue: CatalogueSnapshot
    ) throws(Failure) -> PublishJob.Batch {
        var rest = batch
        rest.files = []
        var directories: Set<Name> = []
        for file in batch.files {
            let existing = try catalogue.entry(file.name)
            if let failure = try refusal(of: file.name, size: file.info.size, over: existing, catalogue, &directories) {
                rest.report.failures.append(failure)
            } else {
                var file = file
                file.publishedContent = existing?.content
                rest.files.append(file)
            }
        }
        return rest
    }

    private func refusal(
        of name: Name, size: Int64, over existing: Entry?, _ catalogue: CatalogueSnapshot,
        _ directories: inout Set<Name>
    ) throws(Failure) -> Failure? {
        if let existing {
            guard let content = existing.content else { return takenBy(existing, name, isOfSameKind: false) }
            let isAsLong = try catalogue.size(of: content).map { $0.bytes == size } ?? true
            return isAsLong ? nil : takenBy(existing, name, isOfSameKind: true)
        }
        var ancestor = name.parent
        while let above = ancestor, !directories.contains(above) {
            if let entry = try catalogue.entry(above) {
                if !entry.isDirectory { return notBelow(entry, above, name) }
                break
            }
            ancestor = above.parent
        }
        if let parent = name.parent { directories.insert(parent) }
        return nil
    }
}
