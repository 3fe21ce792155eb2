// Every data server learns what was published: the next start may not have this metadata server's catalogue. Word goes
// out while more is being published, so that at the end little is left to learn. Who cannot be reached now learns it
// when it joins again.

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

    /// By `lag` states others may be behind before they are told.
    init(from session: Session, lag: State = 10_000) {
        self.session = session
        self.lag = lag
        told = Mutex(Told(state: session.station.catalogue.head.state))
    }

    /// So far has been published. Nobody waits for what this sets going, and one round follows the other.
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

    /// All of the others know this state, or cannot be reached.
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
