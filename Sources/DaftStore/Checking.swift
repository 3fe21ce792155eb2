// Doubt: what is kept of a content is read and hashed again. Chunks that are wrong are dropped, and no name goes on
// showing them: the file moves back into partial/, with the chunks still of use that are good under any name.

import DaftCore
import Glibc

/// What a check found, and did.
public struct Checked: Hashable, Sendable {
    /// Chunks that were kept and are no longer.
    public let lost: [Int]
    /// Chunks that were wrong under one name, and are again as under another, where they were right.
    public let mended: Int
}

/// One content, wherever it stands. `find` and `settle` use the ledger, `inspect`, which takes long, does not.
struct Check {
    let paths: Paths
    let disk: Disk
    let content: ContentID
    let manifest: Manifest
    var readsDirectly = false

    private var inspection: Inspection {
        var inspection = Inspection(manifest)
        inspection.readsDirectly = readsDirectly
        return inspection
    }

    /// What is recorded.
    struct Found: Sendable {
        let have: BitSet
        let standings: [Standing]
    }

    /// What the bytes are.
    enum Verdict {
        case partial(file: Descriptor?, good: BitSet)
        case names([Copy])
    }

    struct Copy {
        let name: Name
        let place: Place
        /// None where no regular file can be opened.
        let file: Descriptor?
        let good: BitSet
    }

    private var all: BitSet { BitSet(below: manifest.chunks.count) }

    func find(_ ledger: Ledger) throws -> Found {
        guard let known = try ledger.known(content) else { return Found(have: BitSet(), standings: []) }
        let extent = try ledger.extent(of: content)
        return Found(
            have: extent.chunks(of: manifest.chunks.count), standings: try ledger.standings(of: content, known.number))
    }

    func inspect(_ found: Found, _ buffer: UnsafeMutableRawBufferPointer) -> Verdict {
        guard found.standings.isEmpty else { return .names(found.standings.map { inspect($0.name, buffer) }) }
        let file = try? paths.partial(of: content).open(O_RDONLY)
        let good = file.map { inspection.good(in: $0, among: found.have, buffer) }
        return .partial(file: file, good: good ?? BitSet())
    }

    private func inspect(_ name: Name, _ buffer: UnsafeMutableRawBufferPointer) -> Copy {
        let place = try? Parents(paths, disk, durable: false).place(of: name)
        guard let place, let file = try? place.open(O_RDONLY), let status = try? file.status(), status.isFile else {
            return Copy(name: name, place: place ?? Place(paths.root, []), file: nil, good: BitSet())
        }
        let good = inspection.good(in: file, among: all, buffer)
        // Longer or shorter: whatever its chunks are, this is not the content.
        let isWhole = status.size == manifest.size || good != all
        return Copy(name: name, place: place, file: file, good: isWhole ? good : BitSet())
    }

    /// Acts on the verdict.
    func settle(
        _ found: Found, _ verdict: Verdict, _ ledger: Ledger, _ buffer: UnsafeMutableRawBufferPointer
    ) throws -> Checked {
        switch verdict {
        case .partial(let file, let good):
            return Checked(lost: try settlePartial(found.have, file, good, ledger), mended: 0)
        case .names(let copies):
            let wrong = copies.filter { $0.file == nil || $0.good != all }
            if wrong.count == copies.count { return try moveBack(copies, ledger, buffer) }
            for copy in wrong {
                try takeAway(copy)
                try ledger.forget(copy.name)
            }
            return checked(copies, good: all)
        }
    }

    /// What `copies` had, of which `good` is there now.
    private func checked(_ copies: [Copy], good: BitSet) -> Checked {
        func without(_ chunks: BitSet, _ some: BitSet) -> BitSet {
            var rest = chunks
            rest.subtract(some)
            return rest
        }
        return Checked(
            lost: Array(without(all, good)), mended: copies.reduce(0) { $0 + without(good, $1.good).count })
    }

    private func settlePartial(
        _ have: BitSet, _ file: Descriptor?, _ good: BitSet, _ ledger: Ledger
    ) throws -> [Int] {
        var bad = have
        bad.subtract(good)
        if let file {
            if bad.isEmpty, try file.status().size == manifest.size { return [] }
            try disk.truncate(try reopened(paths.partial(of: content)), to: manifest.size)
        }
        try setPart(good, ledger)
        return Array(bad)
    }

    /// The file with the most good chunks goes back into partial/ and gets those that are good elsewhere; all names go.
    private func moveBack(
        _ copies: [Copy], _ ledger: Ledger, _ buffer: UnsafeMutableRawBufferPointer
    ) throws -> Checked {
        let best = copies.filter { $0.file != nil }.max { $0.good.count < $1.good.count }
        for copy in copies where copy.name != best?.name { try takeAway(copy) }
        for copy in copies { try ledger.forget(copy.name) }
        guard let best else {
            try ledger.forget(content)
            return checked(copies, good: BitSet())
        }
        let place = paths.partial(of: content)
        try? disk.remove(place)
        try disk.rename(best.place, to: place)
        try disk.sync(directory: best.place.directory)
        let file = try reopened(place)
        try disk.truncate(file, to: manifest.size)
        var good = best.good
        for copy in copies { try add(copy, to: file, &good, buffer) }
        // After a loss of power what was read back counts as synced.
        if good != best.good { try disk.sync(file: file) }
        try setPart(good, ledger)
        return checked(copies, good: good)
    }

    /// The chunks of a copy that are still wanting.
    private func add(
        _ copy: Copy, to file: Descriptor, _ good: inout BitSet, _ buffer: UnsafeMutableRawBufferPointer
    ) throws {
        guard let source = copy.file else { return }
        for chunk in copy.good where !good.contains(chunk) {
            let memory = UnsafeMutableRawBufferPointer(rebasing: buffer[..<manifest.length(of: chunk)])
            guard try source.read(into: memory, at: manifest.offset(of: chunk)) == memory.count else { continue }
            try disk.write(UnsafeRawBufferPointer(memory), to: file, at: manifest.offset(of: chunk))
            good.insert(chunk)
        }
    }

    private func setPart(_ good: BitSet, _ ledger: Ledger) throws {
        if good.isEmpty {
            try ledger.forget(content)
            try? disk.remove(paths.partial(of: content))
        } else {
            try ledger.setPart(content, manifest, good, synced: false)
        }
    }

    /// Durable or not: a name that came back at a loss of power would show wrong bytes and be known to nobody.
    private func takeAway(_ copy: Copy) throws {
        guard copy.file != nil else { return }
        try disk.remove(copy.place)
        try disk.sync(directory: copy.place.directory)
    }

    /// A sealed file, writable again.
    private func reopened(_ place: Place) throws -> Descriptor {
        try place.open(O_RDONLY).setMode(0o600)
        return try disk.create(place, mode: 0o600, exclusive: false)
    }
}

extension Store {
    /// Reads and hashes again what is kept of a content. Chunks that are corrupt or gone are no longer kept, and names
    /// that show wrong bytes are taken away. `directly`: others are checked at the same time.
    public func check(
        _ content: ContentID, buffer: UnsafeMutableRawBufferPointer, directly: Bool = false
    ) throws(Failure) -> Checked {
        guard let manifest = try manifest(of: content) else { return Checked(lost: [], mended: 0) }
        guard buffer.count >= manifest.chunkSize.bytes else {
            throw Failure(.failed, content.hex.utf8, "checking takes a buffer of \(manifest.chunkSize.bytes) bytes")
        }
        defer { opened[content] = nil }
        if let filling = live.filling(content), let file = filling.file {
            return Checked(lost: try check(filling, file, manifest, buffer), mended: 0)
        }
        let check = Check(
            paths: paths, disk: disk, content: content, manifest: manifest, readsDirectly: directly)
        let found = try recorded { try check.find($0) }
        let verdict = check.inspect(found, buffer)
        let checked = try change { try check.settle(found, verdict, $0, buffer) }
        trusted.insert(paths.partial(of: content))
        if checked.lost.isEmpty, checked.mended > 0, try extent(of: content) != .complete {
            try fill(content, manifest).finish()
        }
        try standAgain(found.standings, content)
        return checked
    }

    /// Names that were taken away although the content is still complete, by a good copy under another name.
    private func standAgain(_ before: [Standing], _ content: ContentID) throws(Failure) {
        guard !before.isEmpty, try extent(of: content) == .complete else { return }
        let names = Set(try names(of: content))
        let lost = before.map(\.named).filter { !names.contains($0.name) }
        guard !lost.isEmpty else { return }
        if let failure = try place(lost).first { throw failure }
    }

    private func check(
        _ filling: Filling, _ file: Descriptor, _ manifest: Manifest, _ buffer: UnsafeMutableRawBufferPointer
    ) throws(Failure) -> [Int] {
        var bad = filling.have
        bad.subtract(Inspection(manifest).good(in: file, among: bad, buffer))
        filling.lose(bad)
        try filling.checkpoint()
        return Array(bad)
    }

    /// Forgets a content that has no name, and removes its partial.
    public func drop(_ content: ContentID) throws(Failure) {
        if let filling = live.filling(content) { filling.abandon() }
        try change { ledger in
            if let known = try ledger.known(content), known.hasNames {
                throw Failure(.failed, content.hex.utf8, "the content has names and is not dropped")
            }
            try ledger.forget(content)
        }
        opened[content] = nil
        removePartial(paths.partial(of: content))
    }
}
