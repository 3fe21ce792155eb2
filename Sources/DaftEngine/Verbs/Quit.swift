// The end of a system that serves until somebody wants it to stop.

import DaftLink
import DaftModel
import DaftWire
import Synchronization

/// A wish that comes once, and whoever waits for it.
public final class OneShot: Sendable {
    private struct State {
        var isWished = false
        var waiting: [UnsafeContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    public init() {}

    public var isWished: Bool { state.withLock { $0.isWished } }

    public func wish() {
        let waiting = state.withLock { state in
            defer { state.waiting = [] }
            state.isWished = true
            return state.waiting
        }
        for one in waiting { one.resume() }
    }

    public func wait() async {
        await withUnsafeContinuation { continuation in
            let isWished = state.withLock { state in
                if !state.isWished { state.waiting.append(continuation) }
                return state.isWished
            }
            if isWished { continuation.resume() }
        }
    }
}

extension Session {
    /// Asks the metadata server to end the whole system. Who is away does not hear it, and that is said.
    public func quit() async -> Report {
        do throws(Failure) {
            var report = Report()
            report.warnings = try await station.refreshRoster().filter { !$0.isAlive }.map { member in
                Failure(
                    .unreachable, member.store.path, node: member.store.host,
                    "is away and does not hear this: what may still run there ends after its --orphan-timeout")
            }
            _ = try await station.ask(.quit, at: .metadataServer)
            return report
        } catch {
            return .failed(error)
        }
    }
}
