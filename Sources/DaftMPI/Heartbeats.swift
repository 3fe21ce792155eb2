// Failure detection: MPI itself never completes operations with dead ranks. Each data server sends rank 0 a heartbeat
// every second; ranks that wait for an answer exchange heartbeats as well. A silent rank is given up and rank 0 tells
// all others; it counts as present again when it is heard.

import DaftLink
import DaftModel
import DaftPlan
import DaftWire

extension MPILink {
    private static let beatMilliseconds = 1_000

    /// Ranks that have been given up.
    public var gone: Set<Rank> { Set(all).subtracting(ranks) }

    /// On a data server: calls `body` once when rank 0 has been silent for this long.
    public func onOrphaned(afterSeconds seconds: UInt32, _ body: @escaping @Sendable () -> Void) {
        loop.start { self.orphanTimeout = (UInt64(seconds) * 1_000, body) }
    }

    /// On rank 0, before the end: waits until every rank has answered or is given up, since MPI_Finalize would wait for
    /// a rank that died a moment ago.
    public func awaitFarewells() async {
        loop.checkIsolated()
        answered = []
        for peer in ranks where peer != rank { send(.farewell, to: peer) }
        while !ranks.allSatisfy({ $0 == rank || answered.contains($0) }) { await loop.sleep(milliseconds: 1) }
    }

    private var milliseconds: UInt64 { loop.now / 1_000_000 }

    func beat() {
        if membership.isClosed { return }
        _ = loop.alarm(at: loop.deadline(inMilliseconds: MPILink.beatMilliseconds)) { [self] in beat() }
        for change in detector.check(atMilliseconds: milliseconds) where change.status == .suspected {
            rpc.loseLoads(from: change.rank)
        }
        refresh()
        if let orphanTimeout,
            detector.silenceMilliseconds(of: .metadataServer, atMilliseconds: milliseconds)
                >= orphanTimeout.milliseconds
        {
            self.orphanTimeout = nil
            orphanTimeout.body()
        }
        let awaitedRanks = rpc.awaitedRanks
        for peer in all where peer != rank {
            if rank == .metadataServer {
                detector.watch(peer, atMilliseconds: milliseconds)
            } else if peer == .metadataServer || awaitedRanks.contains(peer) || detector.status(of: peer) == .gone {
                detector.watch(peer, atMilliseconds: milliseconds)
                // Messages to dead ranks are kept for ever, so do not send any; rank 0 reports ranks that return.
                if book[peer] == nil { send(.heartbeat(edition: book.edition), to: peer) }
            } else {
                detector.unwatch(peer)
            }
        }
    }

    func noteLife(of peer: Rank) {
        if detector.noteMessage(from: peer, atMilliseconds: milliseconds) { refresh() }
    }

    func take(_ message: MembershipMessage, from peer: Rank) {
        switch message {
        case .heartbeat(let edition):
            let isNews = rank == .metadataServer && edition != book.edition
            send(isNews ? .book(book) : .heartbeatReply(edition: book.edition), to: peer)
        case .book(let newest):
            guard peer == .metadataServer else { return }
            book = newest
            for other in all where book[other] == nil && other != .metadataServer { detector.unwatch(other) }
            refresh()
        case .farewell: if rank == .metadataServer { answered.insert(peer) } else { send(.farewell, to: peer) }
        default: break
        }
    }

    private func send(_ message: MembershipMessage, to target: Rank) {
        post(Envelope(.carriers, 0, message.encoded), to: target)
    }

    /// Reports membership changes since the last call.
    private func refresh() {
        let hasAddressBook = rank != .metadataServer
        let now = all.filter { $0 == rank || detector.status(of: $0) != .gone && !(hasAddressBook && book[$0] != nil) }
        if now == ranks { return }
        let changes = membership.become(Set(now))
        for peer in changes.gone {
            rpc.lose(peer)
            requests.writeOff(peer.number)
        }
        if rank == .metadataServer { publish() }
        membership.notify(changes)
    }

    /// On rank 0: sends a new edition to all present ranks.
    private func publish() {
        let entries = gone.sorted().map {
            RankAddress(rank: $0, incarnation: 0, address: "", talkPort: 0, bulkPort: 0, isHere: false)
        }
        book = AddressBook(edition: book.edition + 1, entries)
        for peer in ranks where peer != rank { send(.book(book), to: peer) }
    }
}
