// Where things are by default: what every program of daft that serves a store or a catalogue agrees on.

import DaftCore
import DaftLink
import Glibc

/// The name of this node, as the system knows it.
public func hostName() -> String {
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return "localhost" }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

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

    /// The metadata server's catalogue, in a directory that is made if it is not there.
    public func catalogueFile() throws(Failure) -> String {
        let directory = String(decoding: catalogueDirectory, as: UTF8.self)
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

    /// Where the door of a node's data server is.
    public func doorDirectory(place: Int) -> [UInt8] { storeDirectory(place: place) + Array("/.daft".utf8) }
}
