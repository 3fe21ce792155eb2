// The attributes of names, and one level of a directory, for listing and lookup.

import DaftModel
import DaftSQL

extension Catalogue {
    public func attributes(of name: Name) throws(Failure) -> Attributes? {
        try asking { try $0.attributes(of: name) }
    }

    /// One level below a directory, in name order, starting after `after`; nil if the name is no directory.
    public func entries(
        of directory: Name, after: Name?, limit: Int
    ) throws(Failure) -> [DirectoryEntry]? {
        try asking { tables in
            guard try tables.entry(directory)?.isDirectory == true else { return nil }
            return try tables.children(of: directory, after: after, limit: limit)
        }
    }
}
