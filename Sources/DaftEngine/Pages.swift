// Walks over what is published, page by page, from this rank's copy of the catalogue.

import DaftCatalogue
import DaftCore

extension Station {
    private static let page = 1_000

    /// The entry of a name, if it has one, and all below it. A cancelled task goes no further.
    func eachEntry(
        below name: Name, _ body: ([NamedEntry]) async throws(Failure) -> Void
    ) async throws(Failure) {
        let catalogue = catalogue
        let root = try await work { () throws(Failure) in try catalogue.entry(name) }
        if let root { try await body([NamedEntry(name, root)]) }
        try await eachPage(below: name, body)
    }

    /// How large these files are together.
    func bytes(of page: [NamedEntry]) async throws(Failure) -> Int64 {
        let (contents, catalogue) = (page.compactMap(\.entry.content), catalogue)
        return try await work { () throws(Failure) in
            var sum: Int64 = 0
            for content in contents { sum += try catalogue.size(of: content)?.bytes ?? 0 }
            return sum
        }
    }

    /// All below a name.
    func eachPage(
        below name: Name, _ body: ([NamedEntry]) async throws(Failure) -> Void
    ) async throws(Failure) {
        let catalogue = catalogue
        var last: Name?
        while !Task.isCancelled {
            let after = last
            let page = try await work { () throws(Failure) in
                try catalogue.below(name, after: after, limit: Station.page)
            }
            guard let end = page.last else { return }
            try await body(page)
            last = end.name
        }
    }
}
