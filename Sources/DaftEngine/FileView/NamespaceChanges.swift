// Namespace changes that move no bytes: the metadata server decides, then every store updates its tree.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftStore
import DaftWire

extension Namespace {
    public func change(_ change: NamespaceChange) async throws(Failure) {
        try await station.catchUp()
        let named = try await entry(after: change)
        let publication = Publication(entries: [named], contents: [], copies: station.settings.copies)
        let reply = try await station.ask(.publish(publication), at: .metadataServer)
        guard case .published(let state, let verdicts) = reply, let verdict = verdicts.first else {
            throw station.unexpected(reply, from: .metadataServer)
        }
        if case .refused(let failure) = verdict { throw failure }
        try await station.catchUp(to: state)
        let members = try await station.refreshRoster().filter(\.isAlive)
        var failures: [Failure] = []
        await station.loop.inOrder(width: max(1, members.count), over: members) { [session] member in
            await session.carryOut(.place([named]), at: member.rank)
        } take: { result in
            failures += result.placed.failures
        }
        // A store that does not keep the file's bytes has no file at the name.
        if let failure = failures.first(where: { $0.kind != .missing }) { throw failure }
    }

    private func entry(after change: NamespaceChange) async throws(Failure) -> NamedEntry {
        switch change {
        case .makeDirectory(let name, let mode):
            if try station.catalogue.entry(name) != nil {
                throw Failure(.taken, name, "something stands there already")
            }
            return NamedEntry(name, Entry(.directory, mode: mode, mtime: currentTime()))
        case .makeSymlink(let name, let target):
            guard (1...Entry.longestTarget).contains(target.count), !target.contains(0) else {
                throw Failure(.usage, name, "a symlink cannot lead there")
            }
            return NamedEntry(name, Entry(.symlink(target), mode: 0o777, mtime: currentTime()))
        case .setAttributes(let name, let mode, let mtime):
            let old = try await attributes(of: name).entry
            return NamedEntry(name, Entry(old.kind, mode: mode ?? old.mode, mtime: mtime ?? old.mtime))
        }
    }
}
