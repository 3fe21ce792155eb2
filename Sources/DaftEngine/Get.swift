// fetch: a complete copy in one data server's store. get: published files, written to the local disk, here.

import DaftCatalogue
import DaftCore
import DaftLink
import DaftStore
import Synchronization

extension Session {
    /// Brings names into the store of the data server at `host`, or of the one on this node.
    public func fetch(_ names: [Name], at host: String? = nil) async -> Report {
        do throws(Failure) {
            let members = try await lookAround()
            guard let target = try member(at: host, among: members) else {
                throw Failure(.usage, [], "no data server runs on this node: name one, as in fetch NAME@HOST")
            }
            var report = Report()
            let names = try await standing(names, saying: "no such name is published", &report)
            report.failures += try await refusals(of: names, at: [target])
            guard !names.isEmpty, report.failures.allSatisfy({ $0.kind != .noSpace }) else { return report }
            let order = Fetch(below: names, state: station.catalogue.head.state, reports: true)
            report.names = names
            report.places = [station.roster.label(of: target)]
            switch await carryOut(.fetch(order), at: target.rank) {
            case .fetched(let fetched):
                report.failures += fetched.failures
                report.files = fetched.files
                report.moved = fetched.moved
                let lacking = Set(fetched.lacking.map(\.content))
                for name in names {
                    try await station.eachEntry(below: name) { (page) async throws(Failure) in
                        report.bytes += try await station.bytes(of: page, lacking: lacking)
                    }
                }
            case .failed(let failure): report.failures.append(failure)
            default: report.failures.append(Failure(.malformed, [], "an outcome that fits no fetch"))
            }
            return report
        } catch {
            return .failed(error)
        }
    }

    /// Writes names to the local disk: one name becomes `path` itself; several go into the directory `path`, each under
    /// its last part. Without a path, each is written here under its last part.
    public func get(_ names: [Name], to path: [UInt8]? = nil) async -> Report {
        var report = Report()
        let path = path.map(local)
        do throws(Failure) {
            _ = try await lookAround()
            if let path, names.count > 1 {
                try await makeTarget(path)
            }
            for name in names {
                let target =
                    path.map { names.count == 1 ? $0 : $0 + [UInt8(ascii: "/")] + name.last } ?? local(Array(name.last))
                guard !target.isEmpty else {
                    throw Failure(.usage, name, "say where to write it, with --to")
                }
                do throws(Failure) {
                    let got = try await Getting(self, name, target).run()
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
}

extension Session {
    /// A directory that several names go into.
    func makeTarget(_ path: [UInt8], beneath base: [UInt8]? = nil) async throws(Failure) {
        let isDurable = station.settings.durable
        do throws(Failure) {
            try await station.work { () throws(Failure) in
                try TargetTree(path, beneath: base, durable: isDurable).makeRoot()
            }
        } catch {
            throw unwritable(error)
        }
    }

    /// Why nothing can be written to a target.
    fileprivate func unwritable(_ failure: Failure) -> Failure {
        let reason = "\(failure.reason); choose another place with --to"
        return Failure(failure.kind, failure.subject, node: station.settings.host, reason)
    }
}

/// One name, with all below it, written to one place.
final class Getting: Sendable {
    /// Whether a name, so called below the root, is to be written.
    typealias Choice = @Sendable (_ name: Name, _ relative: [UInt8]) -> Bool

    private let session: Session
    private let root: Name
    private let tree: TargetTree
    private let choice: Choice
    private let meter = Meter()
    private let report = Mutex(Report())
    private let destination: TargetDestination

    private var station: Station { session.station }

    init(
        _ session: Session, _ root: Name, _ target: [UInt8], beneath base: [UInt8]? = nil,
        choosing choice: @escaping Choice = { _, _ in true }
    ) throws(Failure) {
        self.session = session
        self.root = root
        self.choice = choice
        do throws(Failure) {
            tree = try TargetTree(target, beneath: base, durable: session.station.settings.durable)
        } catch {
            throw session.unwritable(error)
        }
        destination = TargetDestination(tree, root, on: session.station.settings.host)
    }

    func run() async throws(Failure) -> Report {
        let pull = Pull(station, to: destination, meter: meter) { [self] in settle($0, $1) }
        let part = session.gauge.begin({ [meter] in meter.now }, from: { await pull.asked })
        defer { session.gauge.end(part) }
        var directories: [([UInt8], Entry)] = []
        var isThere = false
        let end = await pull.run { () async throws(Failure) in
            try await station.eachEntry(below: root) { (page) async throws(Failure) in
                isThere = true
                for named in page where !Task.isCancelled {
                    let relative = Array(named.name.relative(to: root) ?? [])
                    guard choice(named.name, relative) else { continue }
                    if named.entry.isDirectory {
                        if relative.isEmpty { try await makeRoot() }
                        directories.append((relative, named.entry))
                    }
                    await write(named, relative, pull)
                }
            }
        }
        try end.get()
        if !isThere, !root.isRoot { throw Failure(.noSuchName, root, "no such name is published") }
        let (tree, finished) = (tree, directories)
        for failure in await station.workers.run({ tree.finishDirectories(finished) }) { fail(failure) }
        return report.withLock { report in
            if Task.isCancelled {
                report.failures.append(Failure(.stopped, root, "stopped; run it again to go on"))
            }
            report.moved = meter.moved
            return report
        }
    }

    /// Where this fails, all that is below would fail for the same reason.
    private func makeRoot() async throws(Failure) {
        let tree = tree
        do throws(Failure) {
            try await station.work { () throws(Failure) in try tree.makeRoot() }
        } catch {
            throw session.unwritable(error)
        }
    }

    private func write(_ named: NamedEntry, _ relative: [UInt8], _ pull: Pull) async {
        let (tree, catalogue) = (tree, station.catalogue)
        do throws(Failure) {
            switch named.entry.kind {
            case .directory: try await station.work { () throws(Failure) in try tree.makeDirectory(relative) }
            case .symlink: try await station.work { () throws(Failure) in try tree.makeSymlink(relative, named.entry) }
            case .file(let content):
                let manifest = try await station.work { () throws(Failure) in try catalogue.manifest(ofNamed: content) }
                meter.expect(bytes: manifest.size, files: 1)
                if try await station.work({ () throws(Failure) in tree.holds(relative, named.entry, manifest) }) {
                    meter.add(bytes: manifest.size, files: 1)
                    return settle(Wanted(content: content, manifest: manifest, name: named.name), nil)
                }
                destination.expect(named)
                await pull.bring(Wanted(content: content, manifest: manifest, name: named.name))
            }
        } catch {
            fail(error)
        }
    }

    private func settle(_ wanted: Wanted, _ failure: Failure?) {
        destination.forget(wanted.name)
        report.withLock { report in
            if let failure {
                report.failures.append(failure)
            } else {
                report.files += 1
                report.bytes += wanted.manifest.size
            }
        }
    }

    private func fail(_ failure: Failure) {
        let failure = failure.at(station.settings.host)
        report.withLock { $0.failures.append(failure) }
    }
}
