// A hanging disk operation blocks only users of the same content: files are copied, written and synced outside of the
// ledger's lock.

import DaftModel
import DaftStore
import DaftWire
import Foundation
import Synchronization
import Testing

/// Blocks the next call of one kind until released.
private final class StuckDisk: Disk, @unchecked Sendable {
    enum Call: Sendable { case copy, write, syncFile, syncDirectory }

    private let next = Mutex<Call?>(nil)
    private let stopped = DispatchSemaphore(value: 0)
    private let goingOn = DispatchSemaphore(value: 0)

    func stop(at call: Call) { next.withLock { $0 = call } }

    func hasStopped(withinSeconds seconds: Int) -> Bool {
        stopped.wait(timeout: .now() + .seconds(seconds)) == .success
    }

    func goOn() {
        next.withLock { $0 = nil }
        goingOn.signal()
    }

    private func pass(_ call: Call) {
        let mustStop = next.withLock { next in
            guard next == call else { return false }
            next = nil
            return true
        }
        if !mustStop { return }
        stopped.signal()
        goingOn.wait()
    }

    override func clone(_ from: Descriptor, to: Descriptor) throws(SystemError) {
        pass(.copy)
        try super.clone(from, to: to)
    }

    override func write(_ bytes: UnsafeRawBufferPointer, to file: Descriptor, at offset: Int64) throws(SystemError) {
        pass(.write)
        try super.write(bytes, to: file, at: offset)
    }

    override func sync(file: Descriptor) throws(SystemError) {
        pass(.syncFile)
        try super.sync(file: file)
    }

    override func sync(directory: Descriptor) throws(SystemError) {
        pass(.syncDirectory)
        try super.sync(directory: directory)
    }
}

@Suite struct SlowDiskTests {
    private let disk = StuckDisk()
    private let made = Made(seed: 1, size: 10_000)

    private func fixture(durable: Bool = false) -> Fixture {
        let fixture = Fixture(durable: durable)
        fixture.options.disk = disk
        return fixture
    }

    private func begin<T: Sendable>(_ body: @escaping @Sendable () throws -> T) -> Outcome<T> {
        let outcome = Outcome<T>()
        Thread { outcome.set(Result { try body() }) }.start()
        return outcome
    }

    /// While `body` blocks in such a call, another content can be stored, placed and read.
    private func othersGoOn(
        in store: Store, while call: StuckDisk.Call, of body: @escaping @Sendable (Store) throws -> Void
    ) throws {
        disk.stop(at: call)
        let slow = begin { try body(store) }
        let hasStopped = disk.hasStopped(withinSeconds: 10)
        #expect(hasStopped, "it makes no such call")
        let quick = begin {
            let other = Made(seed: 2, size: 500)
            try store.keepWhole([other])
            let failures = try store.place([NamedEntry(name("/other"), other.entry())])
            return try failures.isEmpty && store.extent(of: other.id) == .complete && store.check(other.id).isEmpty
        }
        let isWell = Result { try quick.get() }
        disk.goOn()
        #expect(try isWell.get())
        try slow.get()
    }

    @Test func whileAFurtherNameIsCopied() throws {
        let fixture = fixture()
        let store = try fixture.open()
        try store.put(made, at: "/a")
        try othersGoOn(in: store, while: .copy) { [made] store in
            let failures = try store.place([NamedEntry(name("/b"), made.entry())])
            #expect(failures == [])
        }
        #expect(fixture.contents("/b") == made.bytes)
    }

    /// Each copy is wrong in another place: good chunks of one are copied to the other, which is then synced.
    @Test(arguments: [false, true]) func whileACheckMends(syncs: Bool) throws {
        let fixture = fixture(durable: true)
        let store = try fixture.open()
        try store.put(made, at: "/a", "/b")
        fixture.spoil("/a", at: 5_000)
        fixture.spoil("/b", at: 9_000)
        try othersGoOn(in: store, while: syncs ? .syncFile : .write) { [made] store in
            let checked = try store.checked(made.id)
            #expect(checked.lost == [] && checked.mended == 2)
        }
        #expect(fixture.contents("/a") == made.bytes)
        #expect(fixture.contents("/b") == made.bytes)
    }

    @Test func whileWhatIsCompleteIsSynced() throws {
        let fixture = fixture(durable: true)
        let store = try fixture.open()
        let partialFile = try store.fillWhole(made)
        try othersGoOn(in: store, while: .syncFile) { _ in try partialFile.finish() }
        #expect(try store.extent(of: made.id) == .complete)
        #expect(fixture.partials.count == 1)
    }

    @Test func whileTheDirectoriesOfNewNamesAreSynced() throws {
        let fixture = fixture(durable: true)
        let store = try fixture.open()
        try store.fillWhole(made).finish()
        try othersGoOn(in: store, while: .syncDirectory) { [made] store in
            let failures = try store.place([NamedEntry(name("/a"), made.entry())])
            #expect(failures == [])
        }
        #expect(fixture.contents("/a") == made.bytes)
    }
}
