// Finds the door for a client's commands, and waits for a system that is starting.

import DaftCommand
import DaftModel
import DaftShell
import DaftZMQ
import Glibc

struct DoorSearch {
    /// The most data servers per node to look for.
    private static let mostServers = 64
    private static let startingMilliseconds = 10_000
    private static let silentMilliseconds = 1_000
    private static let pauseMilliseconds = 100

    private let options: Options
    private let console: Console

    init(_ options: Options, _ console: Console) { (self.options, self.console) = (options, console) }

    /// The door of the first data server of this node that has one, or of rank 0; nil if there is none.
    var found: DoorAddress? { get throws(Failure) { try look() } }

    /// Without a door, a directory of another user in its place is an error.
    private func look() throws(Failure) -> DoorAddress? {
        var refusal: Failure?
        let group = try options.sharers()
        for directory in directories + [options.metadataDirectory] {
            do throws(Failure) {
                let door = try DoorAddress(
                    in: directory, isNamed: options.store != nil || options.catalogue != nil, group: group)
                if door.isOpen { return door }
            } catch {
                if error.kind == .denied, refusal == nil { refusal = error }
            }
        }
        if let refusal { throw refusal }
        return nil
    }

    private var directories: [[UInt8]] { (0..<DoorSearch.mostServers).map { options.doorDirectory(index: $0) } }

    /// If a data server has its store open but no door yet, it is probably starting: wait.
    func door() async throws(Failure) -> DoorAddress {
        if let door = try look() { return door }
        guard isStarting else { throw nobody }
        if let other = otherMember { throw other }
        if let door = try await seek(milliseconds: DoorSearch.startingMilliseconds, look) { return door }
        throw Failure(
            .unreachable, options.storeDirectory,
            "the daft that has this store open serves no clients: it runs commands of its own, or is still starting")
    }

    /// Returns once an empty command has been performed.
    func wait(seconds: UInt32) async throws(Failure) {
        let door = try await seek(milliseconds: Int(seconds) * 1_000) { () throws(Failure) in
            try look().flatMap { serves($0) ? $0 : nil }
        }
        if door == nil { throw nobody.after(seconds) }
    }

    private func seek(milliseconds: Int, _ look: () throws(Failure) -> DoorAddress?) async throws(Failure)
        -> DoorAddress?
    {
        let begun = ContinuousClock.now
        var isReported = false
        while true {
            if let door = try look() { return door }
            let waited = ContinuousClock.now - begun
            if waited >= .milliseconds(milliseconds) { return nil }
            if !isReported, waited >= .milliseconds(DoorSearch.silentMilliseconds) {
                isReported = true
                await console.mention(
                    "waiting for a data server of the store \(shown(options.storeDirectory)), "
                        + "at most \(milliseconds / 1_000) s")
            }
            let isInterrupted = await console.run { [wake = console.interruption.wake] in
                var waiting = pollfd(fd: wake, events: Int16(POLLIN), revents: 0)
                return poll(&waiting, 1, Int32(DoorSearch.pauseMilliseconds)) > 0
            }
            if isInterrupted { throw Failure(.stopped, [], "stopped") }
        }
    }

    private func serves(_ door: DoorAddress) -> Bool {
        let question = DoorCommand(.arguments([Array("wait".utf8)]), in: [Name.slash])
        let doorClient = DoorClient(at: door, question)
        defer { doorClient.close() }
        while true {
            switch doorClient.next() {
            case .output, .errors: continue
            case .end(let status): return status == 0
            case .refused: return false
            }
        }
    }

    /// Whether a process has the store of this node's first data server locked. Trying the lock could disturb a
    /// starting data server, so /proc/locks is read: `1: FLOCK ADVISORY WRITE PID MAJOR:MINOR:INODE 0 EOF`.
    private var isStarting: Bool {
        var status = stat()
        guard withCString(lock, { stat($0, &status) }) == 0 else { return false }
        let inode = ":\(status.st_ino)"
        return readWhole("/proc/locks").split(separator: "\n").contains { line in
            let words = line.split(separator: " ")
            return words.count > 5 && words[1] == "FLOCK" && words[5].hasSuffix(inode)
        }
    }

    private var lock: [UInt8] { options.ownedDirectory(index: 0) + Array("/lock".utf8) }

    /// The failure if another member of the group has the store open. Its door admits only that member, since commands
    /// run as that user.
    private var otherMember: Failure? {
        let lines = readWhole(String(decoding: lock, as: UTF8.self)).split(separator: "\n")
        guard options.isShared, lines.count > 2, lines[2] != thisUser[...] else { return nil }
        return Failure(
            .locked, options.storeDirectory,
            "in use by \(shown(lines[2].utf8)) on \(shown(lines[1].utf8)): read the files that stand there, or wait "
                + "for the end of that daft and start yours")
    }

    private var nobody: Failure {
        let isInJob = BatchSystem.jobID(variable) != nil
        let advice =
            isInJob
            ? "no daft serves this job on this node: `daft-run --launch serve &` starts one, and `daft wait` waits "
                + "for it"
            : "no daft runs with this store on this node: `daft start HOSTFILE` starts one, or `mpirun -np 2 daft-run "
                + "serve`, and `daft wait` waits for it"
        return Failure(.unreachable, options.storeDirectory, advice + "; or say with --store where its store is")
    }
}

extension Failure {
    fileprivate func after(_ seconds: UInt32) -> Failure {
        Failure(kind, subject, "\(reason) (waited \(seconds) s)")
    }
}

private func readWhole(_ path: String) -> String {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return "" }
    defer { close(file) }
    var text: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 4_096)
    while true {
        let count = read(file, &piece, piece.count)
        guard count > 0 else { return String(decoding: text, as: UTF8.self) }
        text += piece.prefix(count)
    }
}
