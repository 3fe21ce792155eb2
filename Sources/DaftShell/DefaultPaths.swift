// Default paths, shared by all programs that serve a store or catalogue.

import DaftCommand
import DaftLink
import DaftModel
import DaftTrust
import Glibc

/// This node's host name.
public func hostName() -> String {
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return "localhost" }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// `alice (uid 1000)`.
public var thisUser: String { userName(geteuid()) }

extension Options {
    /// The store of a node's first data server.
    public var storeDirectory: [UInt8] {
        if let store { return store }
        let user = getpwuid(getuid()).map { String(cString: $0.pointee.pw_name) } ?? "\(getuid())"
        return localDirectory(variable, user: user)
    }

    /// As an environment variable, for nodes with other environments.
    public var storeVariable: [UInt8] { Array("DAFT_STORE=".utf8) + storeDirectory + [0] }

    /// The store of a node's data server: DIR for the first, then DIR.1, DIR.2 ….
    public func storeDirectory(index: Int) -> [UInt8] {
        storeDirectory + Array((index == 0 ? "" : ".\(index)").utf8)
    }

    /// The group that shares store and catalogue, checked for membership; nil if none is given.
    public func sharers() throws(Failure) -> UInt32? { try value("--group").map(ownGroup) }

    /// The metadata server's catalogue file. Creates its directory, except a shared one, which is created on opening.
    public func catalogueFile() throws(Failure) -> String {
        let directory = String(decoding: catalogueDirectory, as: UTF8.self)
        if isShared { return directory + "/catalogue.sqlite" }
        while mkdir(directory, 0o700) != 0, errno != EEXIST {
            if errno == EINTR { continue }
            throw Failure(.failed, directory.utf8, String(cString: strerror(errno)))
        }
        return directory + "/catalogue.sqlite"
    }

    public var catalogueDirectory: [UInt8] { catalogue ?? storeDirectory + Array(".mds".utf8) }

    /// The event log of a rank, if requested.
    public func log(of rank: Int, on host: String) throws(Failure) -> EventLog? {
        guard let directory = value("--log") else { return nil }
        let log = EventLog(directory + Array("/daft-\(host)-\(rank).log".utf8), logLevel)
        try log.open()
        return log
    }

    public var isShared: Bool { value("--group") != nil }

    /// The directory of a data server's door.
    public func doorDirectory(index: Int) -> [UInt8] {
        ownDirectory(in: ownedDirectory(index: index), isShared: isShared)
    }

    /// The directory of rank 0's door and of a workstation system's description.
    public var metadataDirectory: [UInt8] { ownDirectory(in: catalogueDirectory, isShared: isShared) }

    /// Like `doorDirectory`, but creates and checks a group's private directory.
    public func heldDirectory(index: Int) throws(Failure) -> [UInt8] {
        guard let group = try sharers() else { return doorDirectory(index: index) }
        let directories = [storeDirectory(index: index), ownedDirectory(index: index)]
        return try heldOwnDirectory(in: directories, for: .store, group: group)
    }

    public func heldMetadataDirectory() throws(Failure) -> [UInt8] {
        guard let group = try sharers() else { return metadataDirectory }
        return try heldOwnDirectory(in: [catalogueDirectory], for: .catalogue, group: group)
    }

    /// The private directory in a data server's store.
    public func ownedDirectory(index: Int) -> [UInt8] { storeDirectory(index: index) + Array("/.daft".utf8) }
}
