// The hazards of a run, and how they end.

import DaftModel
import Glibc
import TestDisk

enum Hazard: CaseIterable {
    /// Messages are lost.
    case loss
    /// Ranks die between messages or during disk work.
    case death
    /// Disks are full or tear a write.
    case disk
    /// Power failures.
    case power
    /// Bit rot in stores.
    case rot
    /// Users cancel commands.
    case interruption
    /// A rank is partitioned for a while and returns with its memory.
    case absence
    /// A rank, possibly the metadata server, restarts while the others continue.
    case restart
    /// Everything has two copies, and stores are destroyed one after another.
    case destruction
    /// Disk changes are slow, and stores are scrubbed concurrently.
    case slowness

    /// Of every twelve seeds one has no hazard, each hazard has one alone, and one has all of them.
    static func of(_ seed: UInt64) -> Set<Hazard> {
        let index = Int(seed % UInt64(allCases.count + 2))
        if index == 0 { return [] }
        return index > allCases.count ? Set(allCases) : [allCases[index - 1]]
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
        case .loss: cluster.faultModel.lose(perMille: pick([5, 20, 80]))
        case .death:
            // In a copied directory everything is re-read, and rotten files count as changed by others.
            if chance(1, in: 2), !hazards.contains(.rot) {
                cluster.doom(server, afterChanges: number(below: 16))
            } else {
                cluster.faultModel.doom(pick(cluster.ranks).rank, afterMessages: number(below: 30))
            }
            if chance(1, in: 3) {
                cluster.faultModel.doom(pick(Array(cluster.dataServers)).rank, afterMessages: number(below: 30))
            }
        case .disk:
            if chance(1, in: 2) {
                server.disk?.spareBytes = number(below: 40_000)
            } else {
                server.disk?.tearWrite(after: number(below: 8))
            }
        case .power: cluster.faultModel.doom(server.rank, afterMessages: number(below: 30))
        case .rot: rot(server)
        case .absence:
            let rank = pick(cluster.ranks)
            cluster.cutOff(rank, afterMilliseconds: number(below: 60), forMilliseconds: 1 + number(below: 3_000))
        case .restart:
            let rank = chance(1, in: 2) ? cluster.metadataServer : server
            cluster.faultModel.doom(rank.rank, afterMessages: number(below: 60))
        case .slowness: for server in cluster.dataServers { server.workers?.isSlow = true }
        case .interruption, .destruction: break
        }
    }

    /// Changes a byte of a file while its attributes stay the same.
    private func rot(_ server: SimulatedRank) {
        let files = read(server.directory).filter { ($0.value.bytes ?? []).isEmpty == false }
        guard let path = files.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }).randomElement(using: &random),
            let leaf = files[path], let bytes = leaf.bytes
        else { return }
        cluster.trace.note("rot: \(server.rank) at \(shown(path))")
        let place = number(below: bytes.count)
        overwrite(server.directory, path, at: place, with: bytes[place] ^ 0x10, mtime: leaf.mtime)
        rotten.insert(rottenKey(server, path))
        // Further names are copied from a file that is trusted by its attributes.
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
        cluster.faultModel.calm()
        for server in cluster.dataServers {
            server.workers?.isSlow = false
            server.disk?.spareBytes = nil
            server.disk?.tearWrite(after: nil)
            server.disk?.doom(afterChanges: nil)
        }
    }

    /// Restarts dead ranks, some after a power failure. If the metadata server died, either all restart or the
    /// survivors join its successor.
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
    /// With two copies, each store may be destroyed, and after a repair another.
    func destroyStores() throws {
        try mustSucceed(.repair, at: cluster.metadataServer)
        let victims = Array(cluster.dataServers.prefix(2))
        for (count, victim) in victims.enumerated() where cluster.layout.dataServers > count + 1 {
            cluster.destroy(victim)
            try mustSucceed(.repair, at: cluster.metadataServer)
            for tree in acknowledged.sorted() { try mustSucceed(.get(tree), at: cluster.metadataServer) }
        }
        try revive()
        // A power failure now could lose both copies of unsynced data.
        if !mayHaveLost { try mustSucceed(.repair, at: cluster.metadataServer) }
    }
}
