// Who is there. Every data server shows rank 0 a sign of life each second; rank 0 keeps the book of who is where, and
// everybody gets its newest edition with the answer. Whoever waits for an answer from another asks it for signs of life
// as well. A rank that is silent for too long is given up, and is back when it is heard again.

import DaftLink
import DaftModel
import DaftPlan
import DaftWire

extension ZMQLink {
    /// A data server: waits until rank 0 has let it in.
    public func join(timeoutMilliseconds: Int) async -> Bool {
        let deadline = loop.deadline(inMilliseconds: timeoutMilliseconds)
        while !ranks.contains(.metadataServer), loop.now < deadline {
            await changed.wait(until: min(deadline, loop.deadline(inMilliseconds: 100)))
        }
        return ranks.contains(.metadataServer)
    }

    /// A data server: calls `body`, once, when nothing has been heard of rank 0 for so long.
    public func onOrphaned(afterSeconds seconds: Int, _ body: @escaping @Sendable () -> Void) {
        loop.start { self.onOrphaned = (UInt64(seconds) * 1_000, body) }
    }

    /// Tells rank 0 that this process ends in order.
    public func leave() {
        loop.start { [self] in say(.farewell, to: .metadataServer) }
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

    private func introduce() { say(.introduce(talkPort: talkPort, bulkPort: bulkPort), to: .metadataServer) }

    func say(_ word: MembershipMessage, to target: Rank) { post(Envelope(.carriers, 0, word.encoded), to: target) }

    /// By the way that the question came.
    private func reply(_ word: MembershipMessage, to target: Rank) {
        guard let name = peers[target]?.caller else { return }
        try? talk.send([name, Envelope(.carriers, 0, word.encoded).encoded])
    }

    private func tick() {
        if membership.isClosed { return }
        _ = loop.alarm(at: loop.deadline(inMilliseconds: part.beatMilliseconds)) { [self] in tick() }
        for change in detector.look(atMilliseconds: milliseconds) {
            switch change.sight {
            case .heard: break
            case .suspected: rpc.loseLoads(from: change.rank)
            case .gone: lose(change.rank)
            }
        }
        if let orphaned = onOrphaned,
            detector.silenceMilliseconds(of: .metadataServer, atMilliseconds: milliseconds)
                >= orphaned.afterMilliseconds
        {
            onOrphaned = nil
            orphaned.body()
        }
        let debtors = rpc.debtors
        for peer in peers.keys.sorted() where peer != rank {
            flush(to: peer)
            let isGone = detector.sight(of: peer) == .gone
            if isGone { peers[peer]?.disconnect() }
            if rank == .metadataServer { continue }
            if peer == .metadataServer || isGone && book[peer]?.isHere ?? false || debtors.contains(peer) {
                detector.watch(peer, atMilliseconds: milliseconds)
                say(.beat(edition: book.edition), to: peer)
            } else if !isGone {
                detector.unwatch(peer)
            }
        }
    }

    func noteLife(of peer: Rank) {
        if detector.hear(peer, atMilliseconds: milliseconds) { welcomeBack(peer) }
    }

    private func welcomeBack(_ peer: Rank) {
        if rank == .metadataServer, var entry = book[peer] {
            entry.isHere = true
            publish(entry)
        }
        // Rank 0 may be another process, which then does not know this one: its pulse or its book says.
        if peer != .metadataServer { refresh() }
    }

    /// It is not there any more, as far as this rank can tell.
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

    /// Says who came and who went since it was last looked.
    private func refresh() {
        let now = book.entries.filter { $0.isHere && detector.sight(of: $0.rank) != .gone }.map(\.rank)
        membership.tell(membership.become(Set(now + [rank])))
        changed.notify()
    }

    func take(_ word: MembershipMessage, from peer: Rank) {
        switch word {
        case .introduce(let talkPort, let bulkPort): enter(peer, talkPort, bulkPort)
        case .beat(let edition): answerBeat(of: peer, edition)
        case .pulse: if peer == .metadataServer { refresh() }
        case .book(let newest): if peer == .metadataServer { take(newest) }
        case .stranger: if peer == .metadataServer { introduce() }
        case .bulk(let token):
            if peers[peer]?.token != token { peers[peer]?.expect(token) }
            flush(to: peer)
        case .farewell: lose(peer)
        }
    }

    private func answerBeat(of peer: Rank, _ edition: UInt64) {
        guard rank == .metadataServer else { return reply(.pulse(edition: 0), to: peer) }
        if book[peer]?.incarnation != peers[peer]?.incarnation {
            reply(.stranger, to: peer)
        } else {
            reply(edition == book.edition ? .pulse(edition: edition) : .book(book), to: peer)
        }
    }

    /// Rank 0: a process comes under this rank, perhaps in another's place.
    private func enter(_ peer: Rank, _ talkPort: UInt16, _ bulkPort: UInt16) {
        guard rank == .metadataServer, let caller = peers[peer] else { return }
        let entry = RankAddress(
            rank: peer, incarnation: caller.incarnation, address: Address.toldOthers(caller.seenAt), talkPort: talkPort,
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

    /// Rank 0: a new edition, which all who are there get at once. Who has just joined is asked for by others before
    /// their next beat.
    private func publish(_ entry: RankAddress) {
        book.note(entry)
        for reader in book.entries where reader.isHere && reader.rank != rank { reply(.book(book), to: reader.rank) }
    }

    /// A data server: the newest edition of who is where.
    private func take(_ newest: AddressBook) {
        let older = book
        book = newest
        // A rank 0 that has begun anew does not know everybody yet; nobody has gone for that.
        book.entries += older.entries.filter { newest[$0.rank] == nil }
        for entry in newest.entries where entry.rank != rank {
            let before = older[entry.rank]
            if let before, before.incarnation == entry.incarnation, before.isHere == entry.isHere { continue }
            if before?.isHere ?? false, before?.incarnation != entry.incarnation || !entry.isHere {
                takeLeave(of: entry.rank)
            }
            // What rank 0 has seen since counts more than what this rank has not.
            if entry.isHere, entry.rank != .metadataServer { detector.unwatch(entry.rank) }
        }
        refresh()
    }

    /// Another process is there now, or none.
    private func takeLeave(of peer: Rank) {
        // The way to rank 0 stays: this is what it has just said, and its port is the same.
        if peer == .metadataServer { peers[peer]?.disconnectBulk() } else { peers[peer]?.disconnect() }
        rpc.lose(peer)
        membership.tell(membership.become(Set(ranks).subtracting([peer])))
    }
}

enum Address {
    /// How others reach who comes from there: whoever comes from this very node is where rank 0 is.
    static func toldOthers(_ seen: String) -> String {
        let address = seen.hasPrefix("::ffff:") ? String(seen.dropFirst(7)) : seen
        return address.hasPrefix("127.") || address == "::1" ? "" : address
    }
}
