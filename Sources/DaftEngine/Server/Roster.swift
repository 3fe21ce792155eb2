// The data servers of this run, as this rank last heard.

import DaftLink
import DaftModel
import DaftWire
import Synchronization

final class Roster: Sendable {
    private let known = Mutex<[Member]>([])

    var members: [Member] { known.withLock { $0 } }

    func update(_ members: [Member]) { known.withLock { $0 = members } }

    func member(_ rank: Rank) -> Member? { members.first { $0.rank == rank } }

    /// The live rank of a store number.
    func rank(ofStore number: Int) -> Rank? { members.first { $0.number == number && $0.isAlive }?.rank }

    func node(of rank: Rank) -> String {
        member(rank)?.store.host ?? (rank == .metadataServer ? "the metadata server" : "\(rank)")
    }

    /// Display name of each data server, by store number: its node, with the rank if several run there.
    var labels: [Int: String] {
        let members = members
        var count: [String: Int] = [:]
        for member in members where member.isAlive { count[member.store.host, default: 0] += 1 }
        var labels: [Int: String] = [:]
        for member in members {
            let isOnlyOnHost = !member.isAlive || count[member.store.host] == 1
            labels[member.number] = member.store.host + (isOnlyOnHost ? "" : ":\(member.rank.number)")
        }
        return labels
    }

    func label(of member: Member) -> String { labels[member.number] ?? member.store.host }
}

extension Station {
    /// Fetches the current members from the metadata server.
    func refreshRoster() async throws(Failure) -> [Member] {
        let reply = try await ask(.members, at: .metadataServer)
        guard case .members(let members) = reply else { throw unexpected(reply, from: .metadataServer) }
        roster.update(members)
        return members
    }
}
