// Refuses files that conflict with published names whatever their bytes, before anything is read or moved. The metadata
// server decides all other cases.

import DaftCatalogue
import DaftModel

/// Why an entry may not replace the published one; nil if it may.
func refusal(of named: NamedEntry, over standing: Entry) -> Failure? {
    if standing.admits(named.entry) { return nil }
    return takenBy(standing, named.name, isOfSameKind: standing.word == named.entry.word)
}

private func takenBy(_ standing: Entry, _ name: Name, isOfSameKind: Bool) -> Failure {
    Failure(.taken, name, isTaken(by: (isOfSameKind ? "another " : "a ") + standing.word))
}

func isTaken(by what: String) -> String { "\(what) is published under this name; choose another with --as" }

func notBelow(_ above: Entry, _ ancestor: Name, _ name: Name) -> Failure {
    Failure(.taken, name, "\(ancestor) is published as a \(above.word), not as a directory")
}

struct Admission: Sendable {
    let catalogue: Catalogue

    /// The batch without conflicting files, which become failures of its report. Blocks.
    func sift(_ batch: PublishJob.Batch) throws(Failure) -> PublishJob.Batch {
        try catalogue.snapshot { (snapshot) throws(Failure) in try sift(batch, snapshot) }
    }

    private func sift(
        _ batch: PublishJob.Batch, _ catalogue: CatalogueSnapshot
    ) throws(Failure) -> PublishJob.Batch {
        var rest = batch
        rest.files = []
        var directories: Set<Name> = []
        for file in batch.files {
            let standing = try catalogue.entry(file.name)
            if let failure = try refusal(of: file.name, size: file.info.size, over: standing, catalogue, &directories) {
                rest.report.failures.append(failure)
            } else {
                var file = file
                file.standing = standing?.content
                rest.files.append(file)
            }
        }
        return rest
    }

    private func refusal(
        of name: Name, size: Int64, over standing: Entry?, _ catalogue: CatalogueSnapshot,
        _ directories: inout Set<Name>
    ) throws(Failure) -> Failure? {
        if let standing {
            guard let content = standing.content else { return takenBy(standing, name, isOfSameKind: false) }
            let isAsLong = try catalogue.size(of: content).map { $0.bytes == size } ?? true
            return isAsLong ? nil : takenBy(standing, name, isOfSameKind: true)
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
