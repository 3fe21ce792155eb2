// repair: creates missing copies. leave: removes a data server for good, without losing data.

import DaftLink
import DaftModel
import DaftWire

extension Session {
    /// Creates all wanted copies, and completes broadcasts on every data server.
    public func repair() async -> Report {
        do throws(Failure) { _ = try await syncedMembers() } catch { return .failed(error) }
        return await haveRepaired(.repair(below: []))
    }

    /// Copies what only the data server at `host` keeps; then it leaves the system and ends.
    public func leave(_ host: String) async -> Report {
        do throws(Failure) {
            let members = try await syncedMembers()
            guard let member = try member(at: host, among: members) else {
                throw Failure(.usage, [], node: host, "name the node whose data server is to leave")
            }
            var report = await haveRepaired(.leave(store: member.number))
            report.servers = [station.roster.label(of: member)]
            return report
        } catch {
            return .failed(error)
        }
    }

    func haveRepaired(_ order: TypedOrder<Repaired>) async -> Report {
        var report = Report()
        switch await carryOut(order, at: .metadataServer) {
        case .success(let repaired):
            report.failures = repaired.failures
            report.warnings = repaired.warnings
            report.files = repaired.copies
            report.bytes = repaired.bytes
            report.moved = repaired.moved
        case .failure(let failure): report.failures = [failure]
        }
        return report
    }
}
