// Starts and ends the faults of a chaos trial on the box's hosts.

import Foundation
import Glibc
import TestBox
import TestPrograms

struct ChaosFaults {
    let system: ChaosSystem
    /// Restarts of killed processes, which may take some seconds.
    private(set) var starts: [Running] = []

    init(_ system: ChaosSystem) { self.system = system }

    func begin(_ fault: ChaosFault) throws {
        switch fault.kind {
        case .kill: signal(SIGKILL, fault.host)
        case .freeze: signal(SIGSTOP, fault.host)
        case .cut: try system.box.disturb(fault.host, "cut")
        case .full: fill(fault.host)
        }
    }

    mutating func end(_ fault: ChaosFault) throws {
        switch fault.kind {
        case .kill: starts.append(try system.beginStart())
        case .freeze: signal(SIGCONT, fault.host)
        case .cut: try system.box.script("heal", "\(fault.host)")
        case .full: unlink(filler(fault.host))
        }
    }

    /// Ends all faults; returns the results of the restarts.
    func endAll() throws -> [String] {
        for host in 0..<ChaosSystem.hosts {
            signal(SIGCONT, host)
            try system.box.script("heal", "\(host)")
            unlink(filler(host))
        }
        return starts.map { "the start after a kill: \($0.wait(seconds: 90).brief)" }
    }

    private func signal(_ number: Int32, _ host: Int) {
        for node in system.nodes(on: host) { kill(node, number) }
    }

    private func filler(_ host: Int) -> String { system.path(system.disk(of: host) + "/filler", on: host) }

    /// Fills the filesystem to the last block.
    private func fill(_ host: Int) {
        let file = open(filler(host), O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { return }
        defer { close(file) }
        var (room, end) = (64 << 20, off_t(0))
        while room >= 4_096 {
            if posix_fallocate(file, end, off_t(room)) == 0 { end += off_t(room) } else { room /= 2 }
        }
    }
}
