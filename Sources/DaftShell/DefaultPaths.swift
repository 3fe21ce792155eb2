// Where things are by default: what every program of daft that serves a store or a catalogue agrees on.

import DaftCommand
import DaftLink
import DaftModel
import DaftTrust
import Glibc

/// The name of this node, as the system knows it.
public func hostName() -> String {
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return "localhost" }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// `alice (uid 1000)`.
public var thisUser: String { userName(geteuid()) }

extension Options {
    /// The store that a node's first data server uses.
    public var storeDirectory: [UInt8] {
        if let store { return store }
        let user = getpwuid(getuid()).map { String(cString: $0.pointee.pw_name) } ?? "\(getuid())"
        return localDirectory(variable, user: user)
    }

    /// As a variable, for ranks on nodes whose own variables may say something else.
    public var storeVariable: [UInt8] { Array("DAFT_STORE=".utf8) + storeDirectory + [0] }

    /// The store of a node's data server: its first one has the directory itself, further ones DIR.1, DIR.2 ….
    public func storeDirectory(place: Int) -> [UInt8] {
        storeDirectory + Array((place == 0 ? "" : ".\(place)").utf8)
    }

    /// The group that shares store and catalogue, of which this user is a member; nil where none was named.
    public func sharers() throws(Failure) -> UInt32? { try value("--group").map(ownGroup) }

    /// The metadata server's catalogue, in a directory that is made if it is not there; one that a group shares, when
    /// it is opened.
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

    /// Where a rank tells what it does, if that is wanted.
    public func log(of rank: Int, on host: String) throws(Failure) -> EventLog? {
        guard let directory = value("--log") else { return nil }
        let log = EventLog(directory + Array("/daft-\(host)-\(rank).log".utf8), logLevel)
        try log.open()
        return log
    }

    public var isShared: Bool { value("--group") != nil }

    /// Where the door of a node's data server is.
    public func doorDirectory(place: Int) -> [UInt8] {
        ownDirectory(in: ownedDirectory(place: place), isShared: isShared)
    }

    /// Where rank 0's is, and what a system of workstations is to remember.
    public var metadataDirectory: [UInt8] { ownDirectory(in: catalogueDirectory, isShared: isShared) }

    /// The same two for a process that goes on to open what is there by its path.
    public func heldDirectory(place: Int) throws(Failure) -> [UInt8] {
        guard let group = try sharers() else { return doorDirectory(place: place) }
        let directories = [storeDirectory(place: place), ownedDirectory(place: place)]
        return try heldOwnDirectory(in: directories, for: .store, group: group)
    }

    public func heldMetadataDirectory() throws(Failure) -> [UInt8] {
        guard let group = try sharers() else { return metadataDirectory }
        return try heldOwnDirectory(in: [catalogueDirectory], for: .catalogue, group: group)
    }

    /// daft's own in the store of a node's data server.
    public func ownedDirectory(place: Int) -> [UInt8] { storeDirectory(place: place) + Array("/.daft".utf8) }
}
