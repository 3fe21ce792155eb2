// Transfer memory. Slabs come from a pool of fixed size and return with their last reference. An empty pool is the
// back-pressure: takers wait, so memory does not grow with the size of the data.

import Glibc
import Synchronization

/// Page-aligned memory of a pool. It has one owner at a time, who may write it and may pass it on.
public final class Slab: @unchecked Sendable {
    private let memory: UnsafeMutableRawBufferPointer
    private let pool: SlabPool
    private let isWrittenOff = Atomic(false)

    fileprivate init(_ memory: UnsafeMutableRawBufferPointer, of pool: SlabPool) {
        self.memory = memory
        self.pool = pool
    }

    deinit {
        if isWrittenOff.load(ordering: .relaxed) { memory.deallocate() } else { pool.giveBack(memory) }
    }

    /// Removes the slab from the pool's account if it may never be released, as after a send to a dead rank.
    public func writeOff() {
        if !isWrittenOff.exchange(true, ordering: .relaxed) { pool.reclaim(memory.count) }
    }

    public var byteCount: Int { memory.count }

    /// Provides the bytes for the duration of the call. For longer use take a slice, which keeps the slab alive.
    public func withBytes<T, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> T) throws(E) -> T {
        defer { withExtendedLifetime(self) {} }
        return try body(UnsafeRawBufferPointer(memory))
    }

    /// For the owner only.
    public func withMutableBytes<T, E: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(E) -> T
    ) throws(E) -> T {
        defer { withExtendedLifetime(self) {} }
        return try body(memory)
    }

    public func slice(_ offset: Int, _ length: Int) -> SlabSlice {
        precondition(offset >= 0 && length >= 0 && offset + length <= memory.count, "outside of the slab")
        return SlabSlice(slab: self, range: offset..<offset + length)
    }
}

public final class SlabPool: Sendable {
    private struct State: ~Copyable {
        var free: Int
        var kept: [UInt] = []
        var waiting: [(bytes: Int, continuation: UnsafeContinuation<Void, Never>)] = []
        var onShortage: (@Sendable () -> Void)?
    }

    public static let alignment = 4096
    /// With huge pages the kernel handles one page instead of 512 in every read and write.
    private static let hugePage = 2 << 20

    public let slabBytes: Int
    public let totalBytes: Int
    private let state: Mutex<State>

    /// A pool of `totalBytes` in slabs of `slabBytes`. Larger slabs are available and count accordingly.
    public init(totalBytes: Int, slabBytes: Int) {
        self.totalBytes = max(totalBytes, slabBytes)
        self.slabBytes = slabBytes
        state = Mutex(State(free: self.totalBytes))
    }

    deinit {
        state.withLock { state in
            for address in state.kept { UnsafeMutableRawPointer(bitPattern: address)?.deallocate() }
        }
    }

    /// Waits for room, first come first served, so that large requests do not starve.
    public func take(_ bytes: Int? = nil) async -> Slab {
        let size = min(totalBytes, size(for: bytes ?? 0))
        await wait(for: size)
        return Slab(allocate(size), of: self)
    }

    /// Waits for several slabs at once; taking them one by one could deadlock.
    public func take(_ count: Int, of bytes: Int) async -> [Slab] {
        let size = size(for: bytes)
        precondition(count * size <= totalBytes, "more than the pool has")
        await wait(for: count * size)
        return (0..<count).map { _ in Slab(allocate(size), of: self) }
    }

    /// Registers a callback for when a task must wait, to release cached slabs.
    public func onShortage(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.onShortage = body } }

    private func size(for bytes: Int) -> Int {
        max(slabBytes, (bytes + SlabPool.alignment - 1) / SlabPool.alignment * SlabPool.alignment)
    }

    private func wait(for size: Int) async {
        if !reserve(size) {
            await withUnsafeContinuation { continuation in
                let isReady = state.withLock { state in
                    if state.waiting.isEmpty, state.free >= size {
                        state.free -= size
                        return true
                    }
                    state.waiting.append((size, continuation))
                    return false
                }
                if isReady { continuation.resume() } else { state.withLock { $0.onShortage }?() }
            }
        }
    }

    /// Whether a task is waiting.
    public var isShort: Bool { state.withLock { !$0.waiting.isEmpty } }

    private func reserve(_ size: Int) -> Bool {
        state.withLock { state in
            guard state.waiting.isEmpty, state.free >= size else { return false }
            state.free -= size
            return true
        }
    }

    private func allocate(_ size: Int) -> UnsafeMutableRawBufferPointer {
        let known = size == slabBytes ? state.withLock { $0.kept.popLast() } : nil
        let start = known.flatMap { UnsafeMutableRawPointer(bitPattern: $0) } ?? SlabPool.allocate(size)
        return UnsafeMutableRawBufferPointer(start: start, count: size)
    }

    private static func allocate(_ size: Int) -> UnsafeMutableRawPointer {
        let isHuge = size % hugePage == 0
        let memory = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: isHuge ? hugePage : alignment)
        // Kernels without huge pages work too.
        if isHuge { madvise(memory, size, MADV_HUGEPAGE) }
        return memory
    }

    fileprivate func giveBack(_ memory: UnsafeMutableRawBufferPointer) {
        if memory.count == slabBytes {
            state.withLock { $0.kept.append(UInt(bitPattern: memory.baseAddress)) }
        } else {
            memory.deallocate()
        }
        reclaim(memory.count)
    }

    fileprivate func reclaim(_ bytes: Int) {
        let woken = state.withLock { state in
            state.free += bytes
            var woken: [UnsafeContinuation<Void, Never>] = []
            while let first = state.waiting.first, first.bytes <= state.free {
                state.free -= first.bytes
                woken.append(state.waiting.removeFirst().continuation)
            }
            return woken
        }
        for continuation in woken { continuation.resume() }
    }
}
