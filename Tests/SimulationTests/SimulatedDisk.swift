// The disk of a simulated data server: with injectable faults, and death at its rank's n-th change. Each change is a
// scheduling point for other threads of the rank.

import DaftModel
import DaftStore
import Glibc
import Synchronization
import TestDisk

final class SimulatedDisk: FaultyDisk, @unchecked Sendable {
    private struct State {
        var changesLeft: Int?
        var onDeath: (@Sendable () -> Void)?
    }

    /// The workers of the current process.
    var workers: SimulatedWorkers? {
        get { user.withLock { $0 } }
        set { user.withLock { $0 = newValue } }
    }

    private let user = Mutex<SimulatedWorkers?>(nil)
    private let plan = Mutex(State())
    private let flaws: DiskFlaws

    init(graveyard: String, flaws: DiskFlaws) {
        self.flaws = flaws
        super.init(graveyard: graveyard)
    }

    /// Calls `onDeath` before the change after this many more.
    func doom(afterChanges count: Int?, onDeath: (@Sendable () -> Void)? = nil) {
        plan.withLock { $0 = State(changesLeft: count, onDeath: onDeath) }
    }

    private func pause() throws(SystemError) { try workers?.pause() }

    private func count() throws(SystemError) {
        try pause()
        let body = plan.withLock { plan -> (@Sendable () -> Void)? in
            guard let left = plan.changesLeft else { return nil }
            plan.changesLeft = left > 0 ? left - 1 : nil
            return left == 0 ? plan.onDeath : nil
        }
        body?()
    }

    override func create(_ place: Location, mode: UInt16, exclusive: Bool) throws(SystemError) -> Descriptor {
        try count()
        return try super.create(place, mode: mode, exclusive: exclusive)
    }

    override func write(_ bytes: UnsafeRawBufferPointer, to file: Descriptor, at offset: Int64) throws(SystemError) {
        try count()
        let written = flaws.writes(bytes)
        do throws(SystemError) {
            try written.withUnsafeBufferPointer { (bytes) throws(SystemError) in
                try super.write(UnsafeRawBufferPointer(bytes), to: file, at: offset)
            }
        } catch {
            if !flaws.swallowsFailures { throw error }
        }
    }

    override func rename(_ from: Location, to: Location) throws(SystemError) {
        try count()
        try super.rename(from, to: to)
    }

    override func remove(_ place: Location) throws(SystemError) {
        try count()
        try super.remove(place)
    }

    override func truncate(_ file: Descriptor, to size: Int64) throws(SystemError) {
        try pause()
        try super.truncate(file, to: size)
    }

    override func punch(_ file: Descriptor, at offset: Int64, length: Int) throws(SystemError) {
        try pause()
        try super.punch(file, at: offset, length: length)
    }

    override func copy(_ from: Descriptor, to: Descriptor, at offset: Int64, length: Int) throws(SystemError) -> Int {
        try pause()
        return try super.copy(from, to: to, at: offset, length: length)
    }

    override func makeDirectory(_ place: Location, mode: UInt16) throws(SystemError) {
        try pause()
        try super.makeDirectory(place, mode: mode)
    }

    override func makeSymlink(_ place: Location, to target: [UInt8]) throws(SystemError) {
        try pause()
        try super.makeSymlink(place, to: target)
    }

    override func sync(file: Descriptor) throws(SystemError) {
        try pause()
        if !flaws.skipsFileSyncs { try super.sync(file: file) }
    }

    override func sync(directory: Descriptor) throws(SystemError) {
        try pause()
        if !flaws.skipsDirectorySyncs { try super.sync(directory: directory) }
    }
}

/// Disk faults to plant; none by default.
struct DiskFlaws: Sendable {
    var skipsFileSyncs = false
    var skipsDirectorySyncs = false
    var swallowsFailures = false
    var writes: @Sendable (UnsafeRawBufferPointer) -> ContiguousArray<UInt8> = { ContiguousArray($0) }
}
