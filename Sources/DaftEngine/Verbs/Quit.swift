// Ends a serving system on request.

import DaftLink
import DaftModel
import DaftWire

extension Session {
    /// Asks the metadata server to end the system. Absent data servers are reported.
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
