// What goes wrong in a run, and how it comes to an end.

import DaftModel
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
    /// A rank is cut off for a while, and comes back with its memory.
    case absence
    /// A rank dies and is started anew while the others stay, be it the metadata server.
    case restart
    /// Two copies are made of everything, and stores are destroyed one after the other.
    case destruction
    /// Disks take their time for each change, and stores are verified all the while.
    case slowness

    /// Of every twelve seeds one is calm, each hazard has one for itself, and in one all come together.
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
        case .absence:
            let rank = pick(cluster.ranks)
            cluster.cutOff(rank, afterMilliseconds: number(below: 60), forMilliseconds: 1 + number(below: 3_000))
        case .restart:
            let rank = chance(1, in: 2) ? cluster.metadataServer : server
            cluster.weather.doom(rank.rank, afterMessages: number(below: 60))
        case .slowness: for server in cluster.dataServers { server.workers?.isSlow = true }
        case .interruption, .destruction: break
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
        // A further name is a copy of a file that is trusted by its looks.
        for (number, tree) in trees.enumerated() {
            for (relative, leaf) in tree where leaf.bytes == bytes {
                rotten.insert(rottenKey(server, relative.isEmpty ? root(number) : join(root(number), relative)))
            }
        }
        mayHaveLost = true
    }

    func rottenKey(_ server: SimulatedRank, _ path: [UInt8]) -> String { "\(server.rank) \(shown(path))" }

    private func root(_ tree: Int) -> [UInt8] { Array("t\(tree)".utf8) }

    func endFaults() {
        cluster.weather.calm()
        for server in cluster.dataServers {
            server.workers?.isSlow = false
            server.disk?.spareBytes = nil
            server.disk?.tearWrite(after: nil)
            server.disk?.doom(afterChanges: nil)
        }
    }

    /// Brings dead ranks back; some after their power failed. Without its metadata server nothing goes on: all begin
    /// anew, or those who stayed join the next one.
    func revive() throws {
        if !cluster.metadataServer.isAlive, !hazards.contains(.restart) {
            for rank in cluster.ranks where rank.isAlive { cluster.kill(rank) }
        }
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

extension Simulation {
    /// Of what has two copies each store may be destroyed, and after a repair another one.
    func destroyStores() throws {
        try mustSucceed(.repair, at: cluster.metadataServer)
        let victims = Array(cluster.dataServers.prefix(2))
        for (count, victim) in victims.enumerated() where cluster.layout.dataServers > count + 1 {
            cluster.destroy(victim)
            try mustSucceed(.repair, at: cluster.metadataServer)
            for tree in acknowledged.sorted() { try mustSucceed(.get(tree), at: cluster.metadataServer) }
        }
        try revive()
        // Power that fails now may take both copies of what no disk was waited for.
        if !mayHaveLost { try mustSucceed(.repair, at: cluster.metadataServer) }
    }
}
