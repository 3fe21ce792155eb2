// Hands that a test puts between the ranks: planted faults change messages here. By default nothing is touched.

import DaftCore

struct Tampering: Sendable {
    /// A request as the rank that was asked gets to see it.
    var carriedOut: @Sendable (Request) -> Request = { $0 }
    /// An answer as it leaves the rank that was asked.
    var leaving: @Sendable (Reply, _ to: Request) -> Reply = { reply, _ in reply }
    /// An answer as whoever asked gets to see it.
    var arriving: @Sendable (Reply, _ to: Request) -> Reply = { reply, _ in reply }
    var timeoutMilliseconds: @Sendable (Request, Int) -> Int = { $1 }

    func leaving(_ reply: Reply, to request: Request) -> Reply { leaving(reply, request) }
    func arriving(_ reply: Reply, to request: Request) -> Reply { arriving(reply, request) }
    func timeout(_ request: Request, _ milliseconds: Int) -> Int { timeoutMilliseconds(request, milliseconds) }
}
