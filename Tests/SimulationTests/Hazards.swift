// What goes wrong in a run, and how it comes to an end.

import DaftCore
import Glibc
import TestDisk

enum Hazard: CaseIterable {
    /// Messages get lost.
    case loss
    /// Ranks die between two messages, or in the middle of their work on the disk.
    case death
    /// Disks are full, or tear a write.
    case disk
    /// Power fails.
    case power
    /// Bytes in a store change by themselves.
    case rot
    /// Users stop what they began.
    case interruption

    /// Of every eight seeds one is calm, each hazard has one for itself, and in one all come together.
    static func of(_ seed: UInt64) -> Set<Hazard> {
        let turn = Int(seed % UInt64(allCases.count + 2))
        if turn == 0 { return [] }
        return turn > allCases.count ? Set(allCases) : [allCases[turn - 1]]
    }
}

extension Simulation {
    func plantFaults() {
        for hazard in Hazard.allCases where hazards.contains(hazard) {
            if hazards.count == 1 || chance(1, in: 3) { plant(hazard) }
        }
    }

    private func plant(_ hazard: Hazard) {
        let server = pick(Array(cluster.dataServers))
        switch hazard {
        case .loss: cluster.weather.lose(perMille: pick([5, 20, 80]))
        case .death:
            // In a copy everything is read again, and what rotted is left to whoever changed it.
            if chance(1, in: 2), !hazards.contains(.rot) {
                cluster.doom(server, afterChanges: number(below: 16))
            } else {
                cluster.weather.doom(pick(cluster.ranks).rank, afterMessages: number(below: 30))
            }
            if chance(1, in: 3) {
                cluster.weather.doom(pick(Array(cluster.dataServers)).rank, afterMessages: number(below: 30))
            }
        case .disk:
            if chance(1, in: 2) {
                server.disk?.spareBytes = number(below: 40_000)
            } else {
                server.disk?.tearWrite(after: number(below: 8))
            }
        case .power: cluster.weather.doom(server.rank, afterMessages: number(below: 30))
        case .rot: rot(server)
        case .interruption: break
        }
    }

    /// Changes a byte of some file behind the store's back, with nothing to be seen from outside.
    private func rot(_ server: SimulatedRank) {
        let files = read(server.directory).filter { ($0.value.bytes ?? []).isEmpty == false }
        guard let path = files.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }).randomElement(using: &random),
            let leaf = files[path], let bytes = leaf.bytes
        else { return }
        cluster.trace.note("rot: \(server.rank) at \(shown(path))")
        let place = number(below: bytes.count)
        overwrite(server.directory, path, at: place, with: bytes[place] ^ 0x10, mtime: leaf.mtime)
        rotten.insert(rottenKey(server, path))
        mayHaveLost = true
    }

    func rottenKey(_ server: SimulatedRank, _ path: [UInt8]) -> String { "\(server.rank) \(shown(path))" }

    func endFaults() {
        cluster.weather.calm()
        for server in cluster.dataServers {
            server.disk?.spareBytes = nil
            server.disk?.tearWrite(after: nil)
            server.disk?.doom(afterChanges: nil)
        }
    }

    /// Brings dead ranks back; some after their power failed. Without its metadata server nothing goes on.
    func revive() throws {
        if !cluster.metadataServer.isAlive { for rank in cluster.ranks where rank.isAlive { cluster.kill(rank) } }
        if hazards.contains(.power) {
            for server in cluster.dataServers where !server.isAlive || chance(1, in: 4) {
                cluster.losePower(server, &random)
                if !cluster.layout.isDurable { mayHaveLost = true }
            }
        }
        if let (rank, failure) = try cluster.startDead().min(by: { $0.key < $1.key }) {
            throw Violation("4: \(rank) does not start again: \(failure)")
        }
    }
}
