// Finds unchanged source files and correctly placed names. Changes only the cache of source files.

import DaftModel
import Glibc

extension Store {
    /// The contents that these files of this node had when last read.
    public func recognise(_ files: [SourceIdentity]) throws(Failure) -> [SourceLookup] {
        try looked { ledger in try files.map { SourceLookup(try ledger.content(of: $0)) } }
    }

    public func remember(_ files: [KnownSource]) throws(Failure) {
        try change { ledger in
            try ledger.makeRoomForSources(files.count)
            for file in files { try ledger.remember(file) }
        }
    }

    /// Positions of the files and symlinks that are recorded exactly so and whose files match their records.
    public func inspect(_ entries: [NamedEntry]) throws(Failure) -> BitSet {
        var unchanged = BitSet()
        // After a failed sync everything must be placed again.
        if try isUnsynced() { return unchanged }
        let parents = OpenDirectories(paths, disk, durable: false)
        let stamps = try looked { ledger in try entries.map { try ledger.stamp(of: $0) } }
        for (index, named) in entries.enumerated() {
            // A name whose status cannot be read is placed again, and that reports the error.
            guard let stamp = stamps[index], let status = try? parents.place(of: named.name).status(),
                FileStamp(status) == stamp
            else { continue }
            let isRight =
                switch named.entry.kind {
                case .file: status.isFile && status.permissions == paths.sharing.mode(of: named.entry)
                case .symlink: status.isSymlink
                case .directory: false
                }
            if isRight { unchanged.insert(index) }
        }
        return unchanged
    }
}

extension Entry {
    /// Nobody may write; the owner can read, because the store must.
    var modeInStore: UInt16 { mode & ~0o222 | 0o400 }
}
