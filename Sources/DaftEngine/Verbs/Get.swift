// fetch: a complete copy in one store. get: published files written to the local disk.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftStore
import DaftWire
import Synchronization

extension Session {
    /// Fetches names into the store at `host`, or of this node.
    public func fetch(_ names: [Name], at host: String? = nil) async -> Report {
        do throws(Failure) {
            let members = try await syncedMembers()
            guard let target = try member(at: host, among: members) else {
                throw Failure(.usage, [], "no data server runs on this node: name one, as in fetch NAME@HOST")
            }
            var report = Report()
            let names = try await existing(names, orFail: "no such name is published", &report)
            report.failures += try await refusals(of: names, at: [target])
            guard !names.isEmpty, report.failures.allSatisfy({ $0.kind != .noSpace }) else { return report }
            let order = Fetch(
                below: names, state: station.catalogue.head.state, reports: true, limit: throttle?.rate)
            report.names = names
            report.servers = [station.roster.label(of: target)]
            switch await carryOut(.fetch(order), at: target.rank) {
            case .success(let fetched):
                report.failures += fetched.failures
                report.files = fetched.files
                report.moved = fetched.moved
                let lacking = Set(fetched.lacking.map(\.content))
                for name in names {
                    try await station.eachEntry(below: name) { (page) async throws(Failure) in
                        report.bytes += try await station.bytes(of: page, lacking: lacking)
                    }
                }
            case .failure(let failure): report.failures.append(failure)
            }
            return report
        } catch {
            return .failed(error)
        }
    }

    /// Writes names to the local disk. A single name becomes `path` itself, unless `path` ends in a slash or is a
    /// directory that is no copy of it; then, as with several names, it goes below `path` under its last part. Without
    /// `path`, names go to the current directory.
    public func get(_ names: [Name], to path: [UInt8]? = nil) async -> Report {
        var report = Report()
        do throws(Failure) {
            _ = try await syncedMembers()
            let destination = await getTarget(path, for: names)
            if destination.isFolder, let folder = destination.path { try await makeTarget(folder) }
            for name in names {
                let target = destination.target(of: name) ?? local(Array(name.last))
                guard !target.isEmpty else {
                    throw Failure(.usage, name, "say where to write it, with --to")
                }
                do throws(Failure) {
                    let tree = NamespaceTree(view: Namespace(self), root: name)
                    let got = try await TreeWriter(self, tree, to: target, marked: destination.isNew).run()
                    report.merge(got)
                    if got.isOfUse { report.names.append(name) }
                } catch {
                    report.failures.append(error)
                }
            }
        } catch {
            report.failures.append(error)
        }
        return report
    }

    private func getTarget(_ path: [UInt8]?, for names: [Name]) async -> GetTarget {
        guard let path = path.map(local) else { return GetTarget(path: nil, isFolder: false, isNew: false) }
        if names.count > 1 { return GetTarget(path: path, isFolder: true, isNew: false) }
        if names.first?.isRoot ?? true { return GetTarget(path: path, isFolder: false, isNew: false) }
        let (station, name) = (station, names[0])
        let state = await station.workers.run {
            let state = TargetTree.pathState(at: path)
            return state == .directory && station.isCopy(path, of: name) ? .unfinished : state
        }
        let isFolder = path.last == Name.slash || state == .directory
        return GetTarget(path: path, isFolder: isFolder, isNew: state == nil || state == .unfinished)
    }
}

extension Station {
    private static let lookedAt = 1_000

    /// Whether a directory has entries of the same kinds for everything directly below a name, as after an earlier run
    /// of the same command. A name that cannot be listed counts as no copy. Blocks.
    fileprivate func isCopy(_ path: [UInt8], of name: Name) -> Bool {
        guard let entries = try? entries(in: name, atMost: Station.lookedAt), !entries.isEmpty else { return false }
        return entries.allSatisfy { exists($0.entry, at: path + [Name.slash] + $0.name.last) }
    }
}

/// The target of `get`.
private struct GetTarget {
    /// Nil: the current directory.
    let path: [UInt8]?
    /// Names are written below it.
    let isFolder: Bool
    /// It becomes the root: marked until complete, so that the same command resumes.
    let isNew: Bool

    func target(of name: Name) -> [UInt8]? {
        path.map { isFolder ? $0 + [Name.slash] + name.last : $0 }
    }
}

extension Session {
    /// Makes a target directory, with the user's umask, if it does not exist.
    func makeTarget(_ path: [UInt8], beneath base: [UInt8]? = nil) async throws(Failure) {
        let (isDurable, mode) = (station.settings.durable, 0o777 & ~umask)
        do throws(Failure) {
            try await station.work { () throws(Failure) in
                try TargetTree(path, beneath: base, durable: isDurable).makeRoot(mode: mode)
            }
        } catch {
            throw unwritable(error)
        }
    }

    /// Explains why a target cannot be written.
    func unwritable(_ failure: Failure) -> Failure {
        let reason = "\(failure.reason); choose another place with --to"
        return Failure(failure.kind, failure.subject, node: station.settings.host, reason)
    }
}
