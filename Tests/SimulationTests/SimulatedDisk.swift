// The disk of one simulated data server: faulty on demand, and its rank can die with the n-th change that it makes.

import DaftCore
import DaftStore
import Glibc
import Synchronization
import TestDisk

final class SimulatedDisk: FaultyDisk, @unchecked Sendable {
    private struct State {
        var changesLeft: Int?
        var onDeath: (@Sendable () -> Void)?
    }

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

    private func count() {
        let body = plan.withLock { plan -> (@Sendable () -> Void)? in
            guard let left = plan.changesLeft else { return nil }
            plan.changesLeft = left > 0 ? left - 1 : nil
            return left == 0 ? plan.onDeath : nil
        }
        body?()
    }

    override func create(_ place: Place, mode: UInt16, exclusive: Bool) throws(SystemError) -> Descriptor {
        count()
        return try super.create(place, mode: mode, exclusive: exclusive)
    }

    override func write(_ bytes: UnsafeRawBufferPointer, to file: Descriptor, at offset: Int64) throws(SystemError) {
        count()
        let written = flaws.writes(bytes)
        do throws(SystemError) {
            try written.withUnsafeBufferPointer { (bytes) throws(SystemError) in
                try super.write(UnsafeRawBufferPointer(bytes), to: file, at: offset)
            }
        } catch {
            if !flaws.swallowsFailures { throw error }
        }
    }

    override func rename(_ from: Place, to: Place) throws(SystemError) {
        count()
        try super.rename(from, to: to)
    }

    override func remove(_ place: Place) throws(SystemError) {
        count()
        try super.remove(place)
    }

    override func sync(file: Descriptor) throws(SystemError) {
        if !flaws.skipsFileSyncs { try super.sync(file: file) }
    }

    override func sync(directory: Descriptor) throws(SystemError) {
        if !flaws.skipsDirectorySyncs { try super.sync(directory: directory) }
    }
}

/// What a planted fault does to a disk; by default nothing.
struct DiskFlaws: Sendable {
    var skipsFileSyncs = false
    var skipsDirectorySyncs = false
    var swallowsFailures = false
    var writes: @Sendable (UnsafeRawBufferPointer) -> ContiguousArray<UInt8> = { ContiguousArray($0) }
}
