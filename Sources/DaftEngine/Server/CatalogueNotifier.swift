// Pushes new catalogue states to all data servers, since the next start may not have this metadata server's catalogue.
// Notifies during long publications too, so that little is left at the end. Unreachable servers catch up when they
// rejoin.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftWire
import Synchronization

final class CatalogueNotifier: Sendable {
    private static let concurrentCalls = 16
    private struct Notified {
        var state: State
        var task: Task<Void, Never>?
    }

    private let session: Session
    private let lag: State
    private let notified: Mutex<Notified>

    private var station: Station { session.station }

    /// Servers are notified once they are `lag` states behind.
    init(from session: Session, lag: State = 10_000) {
        self.session = session
        self.lag = lag
        notified = Mutex(Notified(state: session.station.catalogue.head.state))
    }

    /// Publications have reached this state. Returns at once; one round of notifications runs at a time.
    func note(_ state: State) {
        notified.withLock { notified in
            guard notified.task == nil, state >= notified.state + lag else { return }
            notified.state = state
            notified.task = station.loop.start { [self] in
                await notify(state)
                self.notified.withLock { $0.task = nil }
            }
        }
    }

    /// Brings all reachable data servers to this state.
    func spread(_ state: State) async {
        if let task = notified.withLock({ $0.task }) { await station.loop.finished(task) }
        await notify(state)
    }

    private func notify(_ state: State) async {
        let fetch = Fetch(below: [], state: state, reports: false)
        let others = station.roster.members.filter { $0.isAlive && $0.rank != station.rank }
        await station.loop.inOrder(width: CatalogueNotifier.concurrentCalls, over: others) { [session] member in
            await session.carryOut(.fetch(fetch), at: member.rank)
        } take: { _ in
        }
    }
}
