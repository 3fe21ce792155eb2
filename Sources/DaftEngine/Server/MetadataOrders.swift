// Orders to the metadata server (repair, leave, quit) and its automatic repairs.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftWire

extension MetadataServer {
    func begin(_ order: Order) async -> Reply {
        let repairs = repairs
        switch order {
        case .repair(let names):
            return await tasks.begin { progressCounter in
                await repairs.repair(names.isEmpty ? .everything : .below(names), progressCounter: progressCounter)
            }
        case .leave(let store):
            return await tasks.begin { [self] progressCounter in
                let repaired = await repairs.leave(store, progressCounter: progressCounter)
                await conclude(store, hasLeft: repaired.failures.isEmpty)
                return .repaired(repaired)
            }
        default: return .failed(Failure(.malformed, [], "this is nothing to order a metadata server"))
        }
    }

    /// A data server that has left ends; one that could not reports its holdings again, some of which may have been
    /// removed.
    private func conclude(_ store: Int, hasLeft: Bool) async {
        guard let member = listed().first(where: { $0.number == store && $0.isAlive }) else { return }
        if hasLeft { membershipTable.leave(store) }
        station.roster.update(listed())
        // An unreachable server asks by itself once it is connected again.
        _ = try? await station.ask(hasLeft ? .quit : .join, at: member.rank)
    }

    /// Returns before the system ends, so that the caller gets the answer.
    func quit() -> Reply {
        station.quitting.set()
        loop.start { [station] in
            if station.settings.endsDataServers { await station.endDataServers() }
            station.ending.set()
        }
        return .done
    }

    // MARK: automatic repair

    /// Schedules an automatic repair for when stores absent now will have been away for too long.
    func scheduleRepair() {
        guard let limit = station.settings.repairAfterMilliseconds else { return }
        loop.start { [self] in
            await loop.sleep(milliseconds: limit)
            await mend()
        }
    }

    func mend() {
        guard station.settings.repairAfterMilliseconds != nil, !station.isClosed else { return }
        loop.start { [self] in await repairs.mend { [self] in await expected() } }
    }

    /// Absent stores that may still return in time.
    private func expected() async -> BitSet {
        let limit = Nanoseconds(station.settings.repairAfterMilliseconds ?? 0) * 1_000_000
        let members = listed()
        let long = membershipTable.away(longerThan: limit, now: loop.now)
        let isEarly = loop.now - begun < limit
        let catalogue = station.catalogue
        // A catalogue that cannot be read fails the repair itself.
        let stores = try? await station.work { () throws(Failure) in try catalogue.stores() }
        let known = (stores ?? []).filter { store in
            let isMember = members.contains { $0.number == store.number }
            return !store.hasLeft && (isMember ? !long.contains(store.number) : isEarly)
        }
        return BitSet(known.map(\.number))
    }
}

extension Station {
    /// Tells every data server to end; unreachable ones are skipped after a timeout.
    public func endDataServers() async {
        let others = roster.members.filter(\.isAlive)
        await loop.inOrder(width: 16, over: others) { [self] member in
            _ = try? await ask(.quit, at: member.rank, timeoutMilliseconds: 2_000)
        } take: { _ in
        }
    }
}
