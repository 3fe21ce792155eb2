// Identifies a job, and determines its directories on the nodes and for its results.

import DaftCommand
import DaftModel
import DaftShell
import Glibc

struct JobIdentity {
    /// The batch system's job number, or one derived from the path of the node list.
    let jobID: String
    /// The locked node list: one job at a time uses it.
    private let lock: Int32?

    init(hostfile: [UInt8]?) throws(Failure) {
        if let id = BatchSystem.jobID(variable) {
            (jobID, lock) = (id, nil)
            return
        }
        let path = hostfile ?? []
        let file = withCString(path) { open($0, O_RDONLY | O_CLOEXEC) }
        guard file >= 0, let real = realPath(path) else {
            throw Failure(.usage, path, String(cString: strerror(errno)))
        }
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
            close(file)
            throw Failure(.failed, path, "another run has the nodes of this file")
        }
        let hash = real.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        (jobID, lock) = ("hosts-" + String(hash, radix: 16), file)
    }

    /// The same path on each node of the job.
    var directories: JobDirectories {
        let user = getpwuid(getuid()).map { String(cString: $0.pointee.pw_name) } ?? "\(getuid())"
        // Without a batch system, any of the job id variables sets this number.
        let isNamed = lock != nil
        return JobDirectories(
            localDirectory({ isNamed && $0 == "OAR_JOB_ID" ? Array(jobID.utf8) : variable($0) }, user: user))
    }

    /// A job-specific directory below `path`, absolute, so that jobs with one output directory do not overwrite each
    /// other. A requeued job keeps its number; without a batch system each run has its own.
    func output(below path: [UInt8]) throws(Failure) -> [UInt8] {
        let isThere = withCString(path) { mkdir($0, 0o777) == 0 || errno == EEXIST && access($0, W_OK | X_OK) == 0 }
        guard isThere, let real = realPath(path) else {
            throw Failure(.failed, path, "results cannot come here: \(String(cString: strerror(errno)))")
        }
        return real + Array("/\(lock == nil ? jobID : Self.runName())".utf8)
    }
}

extension JobIdentity {
    /// `20260503-142233-4711`: time and process id.
    private static func runName() -> String {
        var (now, parts) = (time(nil), tm())
        localtime_r(&now, &parts)
        var text = [CChar](repeating: 0, count: 32)
        strftime(&text, text.count, "%Y%m%d-%H%M%S", &parts)
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) + "-\(getpid())"
    }
}

private func realPath(_ path: [UInt8]) -> [UInt8]? {
    guard let real = withCString(path, { realpath($0, nil) }) else { return nil }
    defer { free(real) }
    return UnsafeBufferPointer(start: real, count: strlen(real)).map { UInt8(bitPattern: $0) }
}
