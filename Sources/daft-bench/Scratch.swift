// A directory of this run's own, under $TMPDIR or /tmp, that is gone when the run is over, however it ends.

import Glibc

struct Scratch {
    let path: String

    init(freeBytesNeeded: Int) throws {
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var space = statvfs()
        guard statvfs(base, &space) == 0 else { throw PeerFailure(description: "\(base) is not there") }
        let free = Int(space.f_bavail) * Int(space.f_frsize)
        guard free >= freeBytesNeeded else {
            throw PeerFailure(
                description:
                    "\(base) has \(free >> 30) GiB free, and \(freeBytesNeeded >> 30) GiB are needed: set TMPDIR")
        }
        path = "\(base)/daft-bench-\(getpid())"
        guard mkdir(path, 0o700) == 0 else { throw PeerFailure(description: "\(path) cannot be made") }
        removeWhenInterrupted(path)
    }

    /// A place in it where nothing stands.
    func fresh(_ leaf: String) throws -> String {
        let place = path + "/" + leaf
        try run(["rm", "-rf", place])
        return place
    }

    func remove() {
        do { try run(["rm", "-rf", path]) } catch { complain("\(path) could not be removed: \(error)") }
    }
}

/// The words of `rm -rf PATH`, made beforehand: a signal handler may allocate nothing.
private nonisolated(unsafe) var removal: [UnsafeMutablePointer<CChar>?] = []

/// An interrupted run becomes the program that cleans up after it.
private func removeWhenInterrupted(_ path: String) {
    removal = cWords(["rm", "-rf", path])
    for number in [SIGINT, SIGTERM, SIGHUP] {
        signal(number) { _ in
            _ = removal.withUnsafeMutableBufferPointer { execvp("rm", $0.baseAddress!) }
            _exit(1)
        }
    }
}
