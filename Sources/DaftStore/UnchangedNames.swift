// What need not be read, written or placed again: users' files that are as they were, and names that stand as they
// should. Nothing here changes anything but what is remembered of users' files.

import DaftModel
import Glibc

extension Store {
    /// The content that each of these files of this node had when it was read last.
    public func recognise(_ files: [SourceIdentity]) throws(Failure) -> [SourceLookup] {
        try looked { ledger in try files.map { SourceLookup(try ledger.content(of: $0)) } }
    }

    public func remember(_ files: [KnownSource]) throws(Failure) {
        try change { ledger in
            try ledger.makeRoomForSources(files.count)
            for file in files { try ledger.remember(file) }
        }
    }

    /// The positions of the files and symlinks that are recorded here just so, and stand as they are recorded.
    public func inspect(_ entries: [NamedEntry]) throws(Failure) -> BitSet {
        var standing = BitSet()
        // What the kernel could not sync is to be placed anew.
        if try isUnsynced() { return standing }
        let parents = OpenDirectories(paths, disk, durable: false)
        let stamps = try looked { ledger in try entries.map { try ledger.stamp(of: $0) } }
        for (index, named) in entries.enumerated() {
            guard let stamp = stamps[index], let status = try? parents.place(of: named.name).status(),
                FileStamp(status) == stamp
            else { continue }
            let isRight =
                switch named.entry.kind {
                case .file: status.isFile && status.permissions == paths.sharing.mode(of: named.entry)
                case .symlink: status.isSymlink
                case .directory: false
                }
            if isRight { standing.insert(index) }
        }
        return standing
    }
}

extension Entry {
    /// Nobody writes; the owner reads, for the store itself must.
    var modeInStore: UInt16 { mode & ~0o222 | 0o400 }
}
