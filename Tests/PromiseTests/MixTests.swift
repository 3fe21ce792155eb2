// Several users with random concurrent commands: all results are right, and afterwards the process has no leftovers.
// tools/sanitize.sh runs this with sanitizers for half an hour.

import DaftEngine
import DaftLink
import DaftModel
import Foundation
import Glibc
import Synchronization
import Testing
import TestPrograms

@Suite(.serialized) struct MixTests {
    private static let seconds =
        getenv("DAFT_MIX_SECONDS").flatMap { Double(String(cString: $0)) } ?? (Trials.areAll ? 60 : 4)
    private static let users = 4
    private static let keptOpen = 3 * 64

    @Test func severalUsersAtOnceGetWhatTheyAskForAndLeaveNothingBehind() async throws {
        let scratch = try BoundsScratch()
        let system = try await LocalSystem.start(settings(scratch))
        defer { system.close() }
        let shelf = try Shelf(scratch)
        let users = (0..<MixTests.users).map { User($0, system, shelf, scratch["of\($0)"]) }
        await act(users, seconds: min(2, MixTests.seconds / 2))
        let before = Footprint(of: getpid())
        await act(users, seconds: MixTests.seconds)
        let done = users.reduce(0) { $0 + $1.done.withLock { $0 } }
        let after = Footprint(of: getpid())
        #expect(after.threads <= before.threads + 4, "other tests have some too, these must not pile up")
        // Each store keeps recently read contents open, up to its limit.
        #expect(after.descriptors <= before.descriptors + MixTests.keptOpen)
        let verified = await system.run { await Session(at: $0).verify([]) }
        #expect(verified.report.failures.isEmpty, "\(verified.report.failures.prefix(3))")
        #expect(done > 0)
        Trials.report("bounded", "\(done) commands of \(MixTests.users) users at once, \(Int(MixTests.seconds)) s")
    }

    private func settings(_ scratch: BoundsScratch) -> [Settings] {
        let servers = (1...3).map { Settings(host: "n\($0)", store: Array(scratch["store\($0)"].utf8)) }
        return ([Settings(host: "n1", catalogue: scratch["catalogue.sqlite"])] + servers).map { some in
            var some = some
            some.chunkSize = ChunkSize(64 << 10) ?? .standard
            some.workerThreads = 2
            return some
        }
    }

    private func act(_ users: [User], seconds: Double) async {
        let end = Date().addingTimeInterval(seconds)
        await withTaskGroup(of: Void.self) { group in
            for user in users {
                group.addTask { while Date() < end { await user.act() } }
            }
        }
    }
}

/// Files published under their numbers by whichever user comes first.
private final class Shelf: Sendable {
    static let files = 12
    private static let sizes = [0, 1, 5_000, 65_536, 200_000, 1_500_000]
    let paths: [String]
    let contents: [Data]
    /// Files that are certainly published.
    let published = Mutex<Set<Int>>([])

    init(_ scratch: BoundsScratch) throws {
        contents = try (0..<Shelf.files).map { try noise(Shelf.sizes[$0 % Shelf.sizes.count]) }
        paths = (0..<Shelf.files).map { scratch["shelf\($0)"] }
        for (path, content) in zip(paths, contents) { try content.write(to: URL(fileURLWithPath: path)) }
    }
}

/// A user with random commands at random ranks.
private final class User: Sendable {
    private let number: Int
    private let system: LocalSystem
    private let shelf: Shelf
    /// Index of its own files.
    private let place: String
    private let fresh = Mutex(0)
    private let random: Mutex<Sequence>
    let done = Mutex(0)

    struct Sequence {
        var state: UInt64

        mutating func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(bound))
        }
    }

    init(_ number: Int, _ system: LocalSystem, _ shelf: Shelf, _ place: String) {
        (self.number, self.system, self.shelf, self.place) = (number, system, shelf, place)
        random = Mutex(Sequence(state: Trials.seed &* 31 &+ UInt64(number)))
    }

    private func draw(_ bound: Int) -> Int { random.withLock { $0.next(bound) } }

    func act() async {
        let file = draw(Shelf.files)
        let name = "/shelf\(file)"
        switch draw(11) {
        case 0: await publish(file) { [path = shelf.paths[file]] in await $0.put([Array(path.utf8)]) }
        case 1: await publish(file) { [path = shelf.paths[file]] in await $0.diffuse([Array(path.utf8)]) }
        case 2: await publish(file) { [path = shelf.paths[file]] in await $0.bcast([Array(path.utf8)]) }
        case 3: await look(file) { await $0.bcast([Array(name.utf8)]) }
        case 4:
            let host = "n\(1 + draw(3))"
            await look(file) { session in
                guard let name = try? Name(name) else { return Report() }
                return await session.fetch([name], at: host)
            }
        case 5: await get(file, name)
        case 6: await cat(file, name)
        case 7:
            await look(file) { session in
                guard let name = try? Name(name) else { return Report() }
                return await session.verify([name]).report
            }
        case 8, 9: await publishSomethingNew()
        default: await list()
        }
        done.withLock { $0 += 1 }
    }

    /// At a random rank, like a client of its door.
    private func ask<T: Sendable>(_ body: @escaping @Sendable (Session) async -> T) async -> T {
        let station = system.stations[draw(system.stations.count)]
        return await station.loop.finished(station.loop.start { await body(Session(at: station)) })
    }

    private func publish(_ file: Int, _ body: @escaping @Sendable (Session) async -> Report) async {
        let report = await ask(body)
        #expect(report.failures.isEmpty, "\(report.failures.prefix(2))")
        if report.failures.isEmpty { _ = shelf.published.withLock { $0.insert(file) } }
    }

    /// Expectations apply only to files published before it began.
    private func look(_ file: Int, _ body: @escaping @Sendable (Session) async -> Report) async {
        guard shelf.published.withLock({ $0.contains(file) }) else { return }
        let report = await ask(body)
        #expect(report.failures.isEmpty, "\(report.failures.prefix(2))")
    }

    private func get(_ file: Int, _ name: String) async {
        let target = place + "-got"
        guard shelf.published.withLock({ $0.contains(file) }) else { return }
        await look(file) { session in
            guard let name = try? Name(name) else { return Report() }
            return await session.get([name], to: Array(target.utf8))
        }
        #expect(contents(target) == shelf.contents[file])
        unlink(target)
    }

    /// Publishes a file in a random way and fetches it at another rank.
    private func publishSomethingNew() async {
        let serial = fresh.withLock { serial in
            serial += 1
            return serial
        }
        let (path, target) = ("\(place)-\(serial)", place + "-new")
        guard let name = try? Name("/new/\(number)/\(serial)"), let bytes = try? noise(1 + draw(150_000)),
            (try? bytes.write(to: URL(fileURLWithPath: path))) != nil
        else { return }
        let way = draw(3)
        let put = await ask { session in
            switch way {
            case 0: await session.put([Array(path.utf8)], as: name)
            case 1: await session.diffuse([Array(path.utf8)], as: name)
            default: await session.bcast([Array(path.utf8)], as: name)
            }
        }
        let got = await ask { await $0.get([name], to: Array(target.utf8)) }
        #expect(put.failures.isEmpty && got.failures.isEmpty, "\(put.failures) \(got.failures)")
        #expect(contents(target) == bytes)
        for path in [path, target] { unlink(path) }
    }

    private func contents(_ path: String) -> Data? { FileManager.default.contents(atPath: path) }

    private func cat(_ file: Int, _ name: String) async {
        guard shelf.published.withLock({ $0.contains(file) }) else { return }
        let read = Read()
        await look(file) { session in
            guard let name = try? Name(name) else { return Report() }
            return await session.cat(name) { bytes in read.bytes.withLock { $0 += bytes } }
        }
        #expect(read.bytes.withLock { Data($0) } == shelf.contents[file])
    }

    private func list() async {
        let published = shelf.published.withLock { $0.count }
        let read = Read()
        await ask { session in
            try? await session.list(.root) { page in read.bytes.withLock { $0 += page.map { _ in 1 } } }
            _ = try? await session.status()
        }
        #expect(read.bytes.withLock { $0.count } >= published)
    }
}

private final class Read: Sendable {
    let bytes = Mutex<[UInt8]>([])
}
