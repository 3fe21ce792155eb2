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
                if Task.isCancelled || unwritable != nil { return }
                if let root = items.first, root.relative.isEmpty, root.entry.isDirectory {
                    do throws(Failure) { try await makeRoot() } catch {
                        unwritable = error
                        return
                    }
                }
                for item in items where item.entry.isDirectory { directories.append((item.relative, item.entry)) }
                await write(items, pull)
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

    /// One job looks at all items of a page, and one asks for all holders: a job for each item would cost more than
    /// the writing of a small file.
    private func write(_ items: [TreeItem], _ pull: Pull) async {
        let tree = tree
        for wanted in items.compactMap(\.wanted) { progressCounter.expect(bytes: wanted.manifest.size, files: 1) }
        let prepared = await station.workers.run {
            items.map { item in Result { () throws(Failure) in try tree.prepare(item) } }
        }
        var lacking: [(wanted: Wanted, entry: Entry)] = []
        for (item, result) in zip(items, prepared) {
            switch (result, item.wanted) {
            case (.success(true), let wanted?):
                progressCounter.add(bytes: wanted.manifest.size, files: 1)
                settle(wanted, nil)
            case (.success, let wanted?): lacking.append((wanted, item.entry))
            case (.success, nil): break
            case (.failure(let failure), let wanted?): settle(wanted, failure.at(station.settings.host))
            case (.failure(let failure), nil): fail(failure)
            }
        }
        do throws(Failure) {
            try await pull.lookUp(lacking.map(\.wanted))
            for (wanted, entry) in lacking where !Task.isCancelled {
                destination.expect(NamedEntry(wanted.name, entry))
                await pull.fetch(wanted)
            }
        } catch {
            for (wanted, _) in lacking { settle(wanted, error.at(station.settings.host)) }
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

extension TargetTree {
    /// Makes what is no file; returns whether a file is there already, with the bytes wanted. Blocks.
    fileprivate func prepare(_ item: TreeItem) throws(Failure) -> Bool {
        switch item.entry.kind {
        case .directory: try makeDirectory(item.relative)
        case .symlink: try makeSymlink(item.relative, item.entry)
        case .file:
            guard let wanted = item.wanted else { return false }
            return holds(item.relative, item.entry, wanted.manifest)
        }
        return true
    }
}
