// Commands of this rank's users under way, its automatic repairs, and its link traffic, for `status` on any rank.

import DaftLink
import DaftModel
import DaftWire
import Synchronization

public final class ActiveCommands: Sendable {
    private struct Entry {
        let commandText: [UInt8]
        let begun: Nanoseconds
        let progress: @Sendable () -> Progress
    }

    private struct State {
        var entries: [Int: Entry] = [:]
        var made = 0
    }

    private let state = Mutex(State())
    private let loop: any Loop

    init(on loop: any Loop) { self.loop = loop }

    /// Registers a command; returns its number.
    public func begin(_ commandText: [UInt8], _ commandProgress: CommandProgress) -> Int {
        begin(commandText) { commandProgress.now.progress }
    }

    func begin(_ commandText: [UInt8], _ progress: @escaping @Sendable () -> Progress) -> Int {
        state.withLock { state in
            state.made += 1
            state.entries[state.made] = Entry(commandText: commandText, begun: loop.now, progress: progress)
            return state.made
        }
    }

    public func end(_ command: Int) { state.withLock { $0.entries[command] = nil } }

    /// Longest-running first.
    func listed(host: String) -> [RunningCommand] {
        let now = loop.now
        return state.withLock { $0.entries }.sorted { $0.key < $1.key }.map { _, entry in
            RunningCommand(
                host: host, commandText: entry.commandText, milliseconds: (now - entry.begun) / 1_000_000,
                progress: entry.progress())
        }
    }
}

/// Bytes sent and received over this rank's link.
final class TrafficCounter: Sendable {
    private let received = Atomic<Int64>(0)
    private let sent = Atomic<Int64>(0)

    func add(received bytes: Int) { received.add(Int64(bytes), ordering: .relaxed) }
    func add(sent bytes: Int) { sent.add(Int64(bytes), ordering: .relaxed) }

    var traffic: Traffic {
        Traffic(received: received.load(ordering: .relaxed), sent: sent.load(ordering: .relaxed))
    }
}

extension ChunkRun {
    /// Bytes of the pieces that will be sent.
    func bytesMoved(_ states: [PieceState]) -> Int {
        zip(pieces, states).reduce(0) { $0 + $1.1.count(of: $1.0) }
    }
}

extension Station {
    var activity: Activity {
        Activity(commands: underWay.listed(host: settings.host), traffic: counter.traffic)
    }

    /// Activity of these ranks; ranks that do not answer are left out.
    func activities(of ranks: [Rank]) async -> [Rank: Activity] {
        var activities: [Rank: Activity] = [:]
        await loop.inOrder(width: 16, over: ranks) { [self] rank in
            guard case .underWay(let there) = try? await ask(.underWay, at: rank) else { return (rank, Activity?.none) }
            return (rank, there)
        } take: { rank, there in
            activities[rank] = there
        }
        return activities
    }
}
