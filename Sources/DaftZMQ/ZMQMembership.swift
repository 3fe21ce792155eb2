// Membership. Data servers send rank 0 a heartbeat each second; rank 0 keeps the address book and sends its newest
// edition in the reply. Ranks that wait for an answer exchange heartbeats as well. A silent rank is declared gone, and
// present again when it is heard.

import DaftLink
import DaftModel
import DaftPlan
import DaftWire

extension ZMQLink {
    /// On a data server: waits until rank 0 has admitted it.
    public func join(timeoutMilliseconds: Int) async -> Bool {
        let deadline = loop.deadline(inMilliseconds: timeoutMilliseconds)
        while !ranks.contains(.metadataServer), loop.now < deadline {
            await changed.wait(until: min(deadline, loop.deadline(inMilliseconds: 100)))
        }
        return ranks.contains(.metadataServer)
    }

    /// On a data server: calls `body` once when rank 0 has been silent for this long.
    public func onOrphaned(afterSeconds seconds: Int, _ body: @escaping @Sendable () -> Void) {
        loop.start { self.onOrphaned = (UInt64(seconds) * 1_000, body) }
    }

    /// Tells rank 0 that this process ends in order.
    public func leave() {
        loop.start { [self] in send(.farewell, to: .metadataServer) }
    }

    // MARK: on the loop

    var milliseconds: UInt64 { loop.now / 1_000_000 }

    func begin() {
        if rank == .metadataServer {
            book.note(
                RankAddress(
                    rank: rank, incarnation: incarnation, address: "", talkPort: talkPort, bulkPort: bulkPort))
        } else {
            detector.watch(.metadataServer, atMilliseconds: milliseconds)
            introduce()
        }
        tick()
    }

    private func introduce() { send(.introduce(talkPort: talkPort, bulkPort: bulkPort), to: .metadataServer) }

    func send(_ message: MembershipMessage, to target: Rank) {
        post(Envelope(.carriers, 0, message.encoded), to: target)
    }

    /// Replies on the connection of the request. If the reply is lost, the next heartbeat asks again.
    private func reply(_ message: MembershipMessage, to target: Rank) {
        guard let name = peers[target]?.caller else { return }
        try? talk.send([name, Envelope(.carriers, 0, message.encoded).encoded])
    }

    private func tick() {
        if membership.isClosed { return }
        _ = loop.alarm(at: loop.deadline(inMilliseconds: part.beatMilliseconds)) { [self] in tick() }
        for change in detector.check(atMilliseconds: milliseconds) {
            switch change.status {
            case .alive: break
            case .suspected: rpc.loseLoads(from: change.rank)
            case .gone: lose(change.rank)
            }
        }
        if let orphanTimeout = onOrphaned,
            detector.silenceMilliseconds(of: .metadataServer, atMilliseconds: milliseconds)
                >= orphanTimeout.afterMilliseconds
        {
            onOrphaned = nil
            orphanTimeout.body()
        }
        let awaitedRanks = rpc.awaitedRanks
        for peer in peers.keys.sorted() where peer != rank {
            flush(to: peer)
            let isGone = detector.status(of: peer) == .gone
            if isGone { peers[peer]?.disconnect() }
            if rank == .metadataServer { continue }
            if peer == .metadataServer || isGone && book[peer]?.isHere ?? false || awaitedRanks.contains(peer) {
                detector.watch(peer, atMilliseconds: milliseconds)
                send(.heartbeat(edition: book.edition), to: peer)
            } else if !isGone {
                detector.unwatch(peer)
            }
        }
    }

    func noteLife(of peer: Rank) {
        if detector.noteMessage(from: peer, atMilliseconds: milliseconds) { welcomeBack(peer) }
    }

    private func welcomeBack(_ peer: Rank) {
        if rank == .metadataServer, var entry = book[peer] {
            entry.isHere = true
            publish(entry)
        }
        // Rank 0 may have restarted without knowing this process; the heartbeat's reply will show that.
        if peer != .metadataServer { refresh() }
    }

    /// Considers the peer gone.
    private func lose(_ peer: Rank) {
        detector.giveUp(peer)
        peers[peer]?.disconnect()
        if rank == .metadataServer, var entry = book[peer], entry.isHere {
            entry.isHere = false
            publish(entry)
        }
        refresh()
        rpc.lose(peer)
    }

    /// Reports membership changes since the last call.
    private func refresh() {
        let now = book.entries.filter { $0.isHere && detector.status(of: $0.rank) != .gone }.map(\.rank)
        membership.notify(membership.become(Set(now + [rank])))
        changed.notify()
    }

    func take(_ message: MembershipMessage, from peer: Rank) {
        switch message {
        case .introduce(let talkPort, let bulkPort): enter(peer, talkPort, bulkPort)
        case .heartbeat(let edition): answerHeartbeat(of: peer, edition)
        case .heartbeatReply: if peer == .metadataServer { refresh() }
        case .book(let newest): if peer == .metadataServer { take(newest) }
        case .unknownProcess: if peer == .metadataServer { introduce() }
        case .bulk(let token):
            if peers[peer]?.token != token { peers[peer]?.expect(token) }
            flush(to: peer)
        case .farewell: lose(peer)
        }
    }

    private func answerHeartbeat(of peer: Rank, _ edition: UInt64) {
        guard rank == .metadataServer else { return reply(.heartbeatReply(edition: 0), to: peer) }
        if book[peer]?.incarnation != peers[peer]?.incarnation {
            reply(.unknownProcess, to: peer)
        } else {
            reply(edition == book.edition ? .heartbeatReply(edition: edition) : .book(book), to: peer)
        }
    }

    /// On rank 0: admits a process at this rank, possibly replacing another.
    private func enter(_ peer: Rank, _ talkPort: UInt16, _ bulkPort: UInt16) {
        guard rank == .metadataServer, let caller = peers[peer] else { return }
        let entry = RankAddress(
            rank: peer, incarnation: caller.incarnation, address: Address.advertised(caller.seenAt), talkPort: talkPort,
            bulkPort: bulkPort)
        if book[peer] != entry {
            if book[peer]?.isHere ?? false { lose(peer) }
            peers[peer]?.disconnect()
            detector.unwatch(peer)
            detector.watch(peer, atMilliseconds: milliseconds)
            publish(entry)
            refresh()
        } else {
            reply(.book(book), to: peer)
        }
    }

    /// On rank 0: sends a new edition to all present ranks at once, since others may need the new rank before their
    /// next heartbeat.
    private func publish(_ entry: RankAddress) {
        book.note(entry)
        for reader in book.entries where reader.isHere && reader.rank != rank { reply(.book(book), to: reader.rank) }
    }

    /// On a data server: takes over the newest address book.
    private func take(_ newest: AddressBook) {
        let older = book
        book = newest
        // A restarted rank 0 does not know all ranks yet; missing ones are not gone.
        book.entries += older.entries.filter { newest[$0.rank] == nil }
        for entry in newest.entries where entry.rank != rank {
            let before = older[entry.rank]
            if let before, before.incarnation == entry.incarnation, before.isHere == entry.isHere { continue }
            if before?.isHere ?? false, before?.incarnation != entry.incarnation || !entry.isHere {
                dropPeer(entry.rank)
            }
            // Rank 0's view overrides this rank's own suspicion.
            if entry.isHere, entry.rank != .metadataServer { detector.unwatch(entry.rank) }
        }
        refresh()
    }

    /// The rank has another process now, or none.
    private func dropPeer(_ peer: Rank) {
        // The connection to rank 0 stays: the news came over it, and its port is unchanged.
        if peer == .metadataServer { peers[peer]?.disconnectBulk() } else { peers[peer]?.disconnect() }
        rpc.lose(peer)
        membership.notify(membership.become(Set(ranks).subtracting([peer])))
    }
}

enum Address {
    /// The address for others of a rank seen at `seen`; a loopback address means rank 0's own node.
    static func advertised(_ seen: String) -> String {
        let address = seen.hasPrefix("::ffff:") ? String(seen.dropFirst(7)) : seen
        return address.hasPrefix("127.") || address == "::1" ? "" : address
    }
}
