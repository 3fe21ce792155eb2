// Paths of a station's catalogue and of its user's private files.

import DaftCatalogue
import DaftModel
import DaftStore
import DaftTrust
import Glibc

extension Station {
    /// The catalogue's path, and a warning about its directory. A directory that others can write to is refused.
    static func catalogueLocation(
        _ settings: Settings, _ store: Store?
    ) throws(Failure) -> (catalogue: String, warning: Failure?) {
        guard let path = settings.catalogue else {
            guard let store else { throw Failure(.usage, [], "a metadata server needs a place for its catalogue") }
            return (String(decoding: try store.ownPath, as: UTF8.self) + "/catalogue.sqlite", store.warning)
        }
        if let store { return (path, store.warning) }
        let directory = try OwnDirectory(
            folder(of: path), for: .catalogue, group: settings.group, isMade: settings.group != nil)
        defer { Glibc.close(directory.number) }
        guard settings.group != nil else { return (path, directory.warning) }
        let leaf = path.utf8.split(separator: Name.slash).last.map(Array.init) ?? []
        let found = try currentPath(of: directory.number) + [Name.slash] + leaf
        return (String(decoding: found, as: UTF8.self), directory.warning)
    }

    /// In a group, a failure names the process that has the catalogue open.
    static func catalogue(at path: String, _ settings: Settings) throws(Failure) -> Catalogue {
        do throws(Failure) {
            return try Catalogue(path: path, durable: settings.durable, isShared: settings.group != nil)
        } catch {
            guard error.kind == .locked, settings.group != nil, let holder = lockHolder(of: Array(path.utf8)) else {
                throw error
            }
            throw Failure(
                .locked, path.utf8,
                "in use by \(holder): the members of a group take turns; wait for the end of that daft")
        }
    }

    /// A store shared by a group must not hold this user's private orders, keys and messages; they get their own
    /// directory.
    static func privateDirectory(_ settings: Settings, _ store: Store?) throws(Failure) -> [UInt8] {
        let (directory, use): ([UInt8], DirectoryUse) =
            if let catalogue = settings.catalogue { (folder(of: catalogue), .catalogue) } else {
                (try store?.ownPath ?? [UInt8(ascii: ".")], .store)
            }
        guard let group = settings.group else { return directory }
        return try heldOwnDirectory(in: [directory], for: use, group: group)
    }

    private static func folder(of path: String) -> [UInt8] {
        guard let cut = path.utf8.lastIndex(of: Name.slash) else { return [UInt8(ascii: ".")] }
        return cut == path.utf8.startIndex ? [Name.slash] : Array(path.utf8[..<cut])
    }
}
