// A temporary directory under $TMPDIR or /tmp, removed when the run ends in any way.

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

    /// A new path in it.
    func fresh(_ leaf: String) throws -> String {
        let place = path + "/" + leaf
        try run(["rm", "-rf", place])
        return place
    }

    func remove() {
        do { try run(["rm", "-rf", path]) } catch { complain("\(path) could not be removed: \(error)") }
    }
}

/// The arguments of `rm -rf PATH`, prepared because a signal handler must not allocate.
private nonisolated(unsafe) var removal: [UnsafeMutablePointer<CChar>?] = []

/// An interrupted run executes `rm` in its place.
private func removeWhenInterrupted(_ path: String) {
    removal = cWords(["rm", "-rf", path])
    for number in [SIGINT, SIGTERM, SIGHUP] {
        signal(number) { _ in
            _ = removal.withUnsafeMutableBufferPointer { execvp("rm", $0.baseAddress!) }
            _exit(1)
        }
    }
}
