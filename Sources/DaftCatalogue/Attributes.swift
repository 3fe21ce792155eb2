// What stands under a name with its size, and one level of a directory: what clients list and look at.

import DaftModel
import DaftSQL

extension Catalogue {
    public func attributes(of name: Name) throws(Failure) -> Attributes? {
        try asking { tables in
            guard let (born, entry) = try tables.standingEntry(name) else {
                return tables.entryBeforeAny(name).map { Attributes($0, born: 0, size: 0) }
            }
            return try tables.attributes(entry, born: born)
        }
    }

    /// One level below a directory, in name order, from behind `after` on; nil where no directory has the name.
    public func entries(
        of directory: Name, after: Name?, limit: Int
    ) throws(Failure) -> [DirectoryEntry]? {
        try asking { tables in
            guard try tables.entry(directory)?.isDirectory == true else { return nil }
            var found: [DirectoryEntry] = []
            try tables.eachChild(of: directory, after: after, limit: limit) { born, named in
                found.append(DirectoryEntry(named.name, try tables.attributes(named.entry, born: born)))
            }
            return found
        }
    }
}

extension Tables {
    fileprivate func attributes(_ entry: Entry, born: State) throws -> Attributes {
        switch entry.kind {
        case .directory: return Attributes(entry, born: born, size: 0)
        case .symlink(let target): return Attributes(entry, born: born, size: Int64(target.count))
        case .file(let content):
            guard let size = try size(of: content) else { throw damaged }
            return Attributes(entry, born: born, size: size.bytes)
        }
    }
}
