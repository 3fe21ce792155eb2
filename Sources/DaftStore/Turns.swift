// Calls that keep or name the same content take turns; all others go on side by side. Were they to mix, one could
// put its file where another's has just been taken away, and what is recorded of it would be of a file that is gone.

import DaftCore
import Glibc
import Synchronization

final class Turns: Sendable {
    private let taken = Mutex<Set<ContentID>>([])

    /// Runs `body` while nobody else has any of these contents. Not to be nested.
    func having<T>(_ contents: Set<ContentID>, _ body: () throws(Failure) -> T) throws(Failure) -> T {
        // Hardly ever more than once: two users would have to bring the same content at the same moment.
        while !take(contents) { usleep(200) }
        defer { taken.withLock { $0.subtract(contents) } }
        return try body()
    }

    private func take(_ contents: Set<ContentID>) -> Bool {
        taken.withLock { taken in
            guard taken.isDisjoint(with: contents) else { return false }
            taken.formUnion(contents)
            return true
        }
    }
}
