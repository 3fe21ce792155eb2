// Checks, drops and placements of one content exclude each other, and only wrong bytes count as corruption.

import DaftModel
import DaftStore
import DaftWire
import Glibc
import Synchronization
import TestDisk
import Testing

/// The result of another thread.
final class Outcome<T: Sendable>: Sendable {
    private let result = Mutex<Result<T, any Error>?>(nil)

    func set(_ value: Result<T, any Error>) { result.withLock { $0 = value } }

    func get() throws -> T {
        for _ in 0..<10_000 {
            if let value = result.withLock({ $0 }) { return try value.get() }
            usleep(1000)
        }
        throw Failure(.stopped, [], "the other thread has not ended in 10 s")
    }
}

@Suite struct ConcurrentCheckTests {
    let fixture = Fixture()

    /// Places `made` at /a; just before the rename, starts `body` in another thread and gives it 0.2 s.
    private func place<T: Sendable>(
        _ made: Made, in store: Store, meanwhile body: @escaping @Sendable (Store) throws -> T
    ) throws -> T {
        let outcome = Outcome<T>()
        fixture.disk.beforeRename { [disk = fixture.disk] in
            disk.beforeRename(nil)
            Task.detached { outcome.set(Result { try body(store) }) }
            usleep(200_000)
        }
        #expect(try store.place([NamedEntry(name("/a"), made.entry())]) == [])
        return try outcome.get()
    }

    @Test func aNameThatIsBeingPlacedIsNotMissing() throws {
        let store = try fixture.open()
        let made = Made(seed: 1, size: 10_000)
        try store.fillWhole(made).finish()
        let id = made.id
        #expect(try place(made, in: store) { try $0.check(id) } == [])
        #expect(try store.extent(of: id) == .complete)
        #expect(try store.entry(name("/a")) == made.entry())
        #expect(fixture.contents("/a") == made.bytes)
    }

    @Test func aContentThatIsBeingPlacedIsNotDropped() throws {
        let store = try fixture.open()
        let made = Made(seed: 2, size: 10_000)
        try store.fillWhole(made).finish()
        let id = made.id
        #expect(try place(made, in: store) { try $0.drop(id) } == false)
        #expect(fixture.contents("/a") == made.bytes)
    }

    @Test func aContentThatSomebodyIsAboutToPublishIsNotDropped() throws {
        let store = try fixture.open()
        let made = Made(seed: 3, size: 10_000)
        store.retain(made.id)
        store.retain(made.id)
        try store.fillWhole(made).finish()
        store.release([made.id])
        #expect(try store.drop(made.id) == false)
        #expect(try store.place([NamedEntry(name("/a"), made.entry())]) == [])
        store.release([made.id])
        #expect(fixture.contents("/a") == made.bytes)
    }

    /// After `retain`, a drop has either finished or will not happen.
    @Test func whatIsThereAfterRetainingStaysThere() throws {
        let store = try fixture.open()
        for round in 0..<100 {
            let made = Made(seed: UInt64(100 + round), size: 600)
            try store.keepWhole([made])
            let id = made.id
            let dropped = Outcome<Bool>()
            Task.detached { dropped.set(Result { try store.drop(id) }) }
            store.retain(id)
            let extent = try store.extent(of: id)
            #expect(try dropped.get() == (extent == .nothing))
            #expect(try store.extent(of: id) == extent)
            store.release([id])
        }
    }

    /// Runs `body` with at most `count` further descriptors.
    private func withDescriptors<T>(_ count: Int, _ body: () throws -> T) throws -> T {
        var before = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &before)
        let highest = entries(of: "/proc/self/fd").compactMap { Int($0) }.max() ?? 0
        var limit = before
        limit.rlim_cur = rlim_t(highest + count)
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        defer { setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &before) }
        return try body()
    }

    @Test func aContentWithManyNamesIsCheckedWithFewDescriptors() throws {
        let store = try fixture.open()
        let made = Made(seed: 4, size: 500)
        try store.keepWhole([made])
        let names = (0..<300).map { NamedEntry(name("/f\($0)"), made.entry()) }
        #expect(try store.place(names) == [])
        let checked = try withDescriptors(16) { try store.checked(made.id) }
        #expect(checked.lost == [] && checked.mended == 0)
        #expect(try store.names(of: made.id).count == 300)
    }

    @Test func aCheckThatCannotOpenAFileFailsAndTakesNothingAway() throws {
        let store = try fixture.open()
        let made = Made(seed: 5, size: 10_000)
        try store.put(made, at: "/a")
        fixture.spoil("/a", at: 0)
        // Descriptors below the limit may have been closed meanwhile: use them up first.
        let kind = try withDescriptors(1) {
            var fillers: [Int32] = []
            while let filler = [dup(0)].first, filler >= 0 { fillers.append(filler) }
            defer { for filler in fillers { close(filler) } }
            return failureKind { _ = try store.checked(made.id) }
        }
        #expect(kind == .failed)
        #expect(try store.extent(of: made.id) == .complete)
        #expect(try store.checked(made.id).lost == [0])
    }
}
