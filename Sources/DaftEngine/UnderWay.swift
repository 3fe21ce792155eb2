// The commands that users of this rank have under way, for `status` on any rank to show.

import DaftCore
import DaftLink
import Synchronization

public final class UnderWay: Sendable {
    private struct Entry {
        let wording: [UInt8]
        let begun: Nanoseconds
        let gauge: Gauge
    }

    private struct State {
        var entries: [Int: Entry] = [:]
        var made = 0
    }

    private let state = Mutex(State())
    private let loop: any Loop

    init(on loop: any Loop) { self.loop = loop }

    /// A command begins; what it is called from now on.
    public func begin(_ wording: [UInt8], _ gauge: Gauge) -> Int {
        state.withLock { state in
            state.made += 1
            state.entries[state.made] = Entry(wording: wording, begun: loop.now, gauge: gauge)
            return state.made
        }
    }

    public func end(_ command: Int) { state.withLock { $0.entries[command] = nil } }

    /// The longest first.
    func listed(host: String) -> [CommandUnderWay] {
        let now = loop.now
        return state.withLock { $0.entries }.sorted { $0.key < $1.key }.map { _, entry in
            CommandUnderWay(
                host: host, wording: entry.wording, milliseconds: (now - entry.begun) / 1_000_000,
                progress: entry.gauge.now.progress)
        }
    }
}

extension Station {
    /// What users of all these ranks have under way; one that does not answer is passed over.
    func commandsUnderWay(on ranks: [Rank]) async -> [CommandUnderWay] {
        var commands: [CommandUnderWay] = []
        await loop.inOrder(width: 16, over: ranks) { [self] rank in
            guard case .underWay(let there) = try? await ask(.underWay, at: rank) else { return [CommandUnderWay]() }
            return there
        } take: { there in
            commands += there
        }
        return commands.sorted { $0.milliseconds > $1.milliseconds }
    }
}
