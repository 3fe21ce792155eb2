// The end of a system that serves until somebody wants it to stop.

import DaftLink
import DaftModel
import DaftWire

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
