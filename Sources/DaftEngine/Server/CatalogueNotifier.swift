// Pushes new catalogue states to all data servers, since the next start may not have this metadata server's catalogue.
// Notifies during long publications too, so that little is left at the end. Unreachable servers catch up when they
// rejoin.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftWire
import Synchronization

final class CatalogueNotifier: Sendable {
    private static let toldAtOnce = 16
    private struct Told {
        var state: State
        var telling: Task<Void, Never>?
    }

    private let session: Session
    private let lag: State
    private let told: Mutex<Told>

    private var station: Station { session.station }

    /// Servers are notified once they are `lag` states behind.
    init(from session: Session, lag: State = 10_000) {
        self.session = session
        self.lag = lag
        told = Mutex(Told(state: session.station.catalogue.head.state))
    }

    /// Publications have reached this state. Returns at once; one round of notifications runs at a time.
    func note(_ state: State) {
        told.withLock { told in
            guard told.telling == nil, state >= told.state + lag else { return }
            told.state = state
            told.telling = station.loop.start { [self] in
                await tell(state)
                self.told.withLock { $0.telling = nil }
            }
        }
    }

    /// Brings all reachable data servers to this state.
    func spread(_ state: State) async {
        if let telling = told.withLock({ $0.telling }) { await station.loop.finished(telling) }
        await tell(state)
    }

    private func tell(_ state: State) async {
        let fetch = Fetch(below: [], state: state, reports: false)
        let others = station.roster.members.filter { $0.isAlive && $0.rank != station.rank }
        await station.loop.inOrder(width: CatalogueNotifier.toldAtOnce, over: others) { [session] member in
            await session.carryOut(.fetch(fetch), at: member.rank)
        } take: { _ in
        }
    }
}
