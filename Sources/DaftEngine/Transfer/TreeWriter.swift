// Writes a tree to the user's disk, from any source of entries and bytes: shared by `get` and `gather`.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftStore
import Synchronization

/// One entry to write, relative to the root.
struct TreeItem: Sendable {
    let relative: [UInt8]
    let entry: Entry
    /// The bytes of a file, reported under that name.
    let wanted: Wanted?
}

/// Entries to write, page by page; stops when its task is cancelled.
protocol TreeListing: Sendable {
    /// Name of the root; wanted contents are below it.
    var root: Name { get }
    /// The root's name as the user gave it.
    var title: [UInt8] { get }
    func eachPage(_ body: (_ items: [TreeItem], _ failures: [Failure]) async -> Void) async throws(Failure)
    /// A listed content was written or failed; returns the failure to show.
    func ended(_ wanted: Wanted, _ failure: Failure?) -> Failure?
}

extension TreeListing {
    var title: [UInt8] { root.bytes }
    func ended(_ wanted: Wanted, _ failure: Failure?) -> Failure? { failure }
}

final class TreeWriter: Sendable {
    private let session: Session
    private let listing: any TreeListing
    private let tree: TargetTree
    /// Mark the root as unfinished while it is being written.
    private let isMarked: Bool
    private let progressCounter = ProgressCounter()
    private let report = Mutex(Report())
    private let destination: TargetDestination

    private var station: Station { session.station }

    init(
        _ session: Session, _ listing: any TreeListing, to target: [UInt8], beneath base: [UInt8]? = nil,
        marked isMarked: Bool = false
    ) throws(Failure) {
        self.session = session
        self.listing = listing
        self.isMarked = isMarked
        do throws(Failure) {
            tree = try TargetTree(target, beneath: base, durable: session.station.settings.durable)
        } catch {
            throw session.unwritable(error)
        }
        destination = TargetDestination(tree, listing.root, on: session.station.settings.host)
    }

    func run() async throws(Failure) -> Report {
        let pull = Pull(station, to: destination, progressCounter: progressCounter, throttle: session.throttle) {
            [self] in settle($0, $1)
        }
        let part = session.commandProgress.begin(
            { [progressCounter] in progressCounter.now }, from: { await pull.asked })
        defer { session.commandProgress.end(part) }
        var directories: [([UInt8], Entry)] = []
        let end = await pull.run { () async throws(Failure) in
            var unwritable: Failure?
            try await listing.eachPage { items, failures in
                report.withLock { $0.failures += failures }
                for item in items where !Task.isCancelled && unwritable == nil {
                    if item.entry.isDirectory {
                        do throws(Failure) { if item.relative.isEmpty { try await makeRoot() } } catch {
                            unwritable = error
                            break
                        }
                        directories.append((item.relative, item.entry))
                    }
                    await write(item, pull)
                }
            }
            if let unwritable { throw unwritable }
        }
        try end.get()
        await finish(directories)
        return report.withLock { report in
            if Task.isCancelled {
                report.failures.append(Failure(.stopped, listing.title, "stopped; run it again to go on"))
            }
            report.moved = progressCounter.moved
            return report
        }
    }

    /// If this fails, everything below would fail for the same reason.
    private func makeRoot() async throws(Failure) {
        let (tree, isMarked) = (tree, isMarked)
        do throws(Failure) {
            try await station.work { () throws(Failure) in
                if isMarked { try tree.mark() }
                try tree.makeRoot()
            }
        } catch {
            throw session.unwritable(error)
        }
    }

    private func finish(_ directories: [([UInt8], Entry)]) async {
        let tree = tree
        for failure in await station.workers.run({ tree.finishDirectories(directories) }) { fail(failure) }
        let isDone = !Task.isCancelled && report.withLock { $0.failures.isEmpty }
        if isMarked, isDone, directories.first?.0.isEmpty ?? false { await station.workers.run { tree.unmark() } }
    }

    private func write(_ item: TreeItem, _ pull: Pull) async {
        let tree = tree
        let (relative, entry) = (item.relative, item.entry)
        do throws(Failure) {
            switch entry.kind {
            case .directory: try await station.work { () throws(Failure) in try tree.makeDirectory(relative) }
            case .symlink: try await station.work { () throws(Failure) in try tree.makeSymlink(relative, entry) }
            case .file:
                guard let wanted = item.wanted else { return }
                progressCounter.expect(bytes: wanted.manifest.size, files: 1)
                if try await station.work({ () throws(Failure) in tree.holds(relative, entry, wanted.manifest) }) {
                    progressCounter.add(bytes: wanted.manifest.size, files: 1)
                    return settle(wanted, nil)
                }
                destination.expect(NamedEntry(wanted.name, entry))
                await pull.bring(wanted)
            }
        } catch {
            if let wanted = item.wanted { settle(wanted, error.at(station.settings.host)) } else { fail(error) }
        }
    }

    private func settle(_ wanted: Wanted, _ failure: Failure?) {
        destination.forget(wanted.name)
        let failure = listing.ended(wanted, failure)
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
