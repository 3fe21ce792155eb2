// File writes. On fast disks large writes use direct I/O: copying a gigabyte into the page cache costs half a second of
// processor time and evicts other processes' pages. Slow disks are written through the page cache, which absorbs bursts
// until memory is full.

import CLinux
import DaftModel
import Glibc
import Synchronization

extension Descriptor {
    private static let page = 4096
    /// Below this, waiting for the disk costs more than bypassing the page cache saves.
    private static let smallestDirect = 1 << 20
    /// Larger writes make the kernel use huge pages for the page cache. A virtual machine may have returned those to
    /// its host and waits for each.
    private static let cachedAtOnce = 128 << 10

    /// Writes all of `bytes`.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(SystemError) {
        let whole = bytes.count / Descriptor.page * Descriptor.page
        let isAligned = UInt(bitPattern: bytes.baseAddress) % UInt(Descriptor.page) == 0 && offset % 4096 == 0
        guard whole >= Descriptor.smallestDirect, isAligned, let direct = directFile() else {
            return try writeCached(bytes, at: offset)
        }
        let done = try direct.write(UnsafeRawBufferPointer(rebasing: bytes[..<whole]), at: offset) ? whole : 0
        try writeCached(UnsafeRawBufferPointer(rebasing: bytes[done...]), at: offset + Int64(done))
    }

    /// Writes all of `bytes` through the page cache.
    func writeCached(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(SystemError) {
        try writeFully(bytes, at: offset, atOnce: Descriptor.cachedAtOnce)
    }

    /// Writes all of `bytes` with this descriptor's own mode.
    fileprivate func writeFully(
        _ bytes: UnsafeRawBufferPointer, at offset: Int64, atOnce most: Int = .max
    ) throws(SystemError) {
        var done = 0
        while done < bytes.count {
            done += try system("pwrite") {
                pwrite(number, bytes.baseAddress! + done, min(most, bytes.count - done), off_t(offset) + off_t(done))
            }
        }
    }

    private func directFile() -> DirectFile? {
        direct.withLock { found in
            if let found { return found.file }
            let file = DirectFile(self)
            found = DirectFile.Found(file: file)
            return file
        }
    }
}

/// A second descriptor of a file, for direct writes.
final class DirectFile: Sendable {
    /// The result of opening one; nil if the filesystem refuses.
    struct Found: Sendable {
        let file: DirectFile?
    }

    private let file: Descriptor
    private let pace: SharedPace

    fileprivate init?(_ file: Descriptor) {
        // An in-memory filesystem consists of page cache; direct I/O is pointless there.
        if file.filesystem.sort == .inMemory { return nil }
        let number = open("/proc/self/fd/\(file.number)", O_WRONLY | O_CLOEXEC | linux_o_direct)
        guard number >= 0 else { return nil }
        self.file = Descriptor(number)
        // Otherwise use the page cache.
        guard let device = try? file.status().device else { return nil }
        pace = SharedPace.ofDevice(device)
    }

    /// False if the caller must use the page cache, for now or for good.
    fileprivate func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(SystemError) -> Bool {
        guard pace.begin(bytes.count) else { return false }
        let clock = ContinuousClock()
        let start = clock.now
        defer { pace.end(bytes.count, after: start.duration(to: clock.now)) }
        do {
            // ext4 serializes writers into a hole but not into reserved blocks. A failure to reserve is harmless: the
            // write itself reports a full disk.
            _ = linux_reserve(file.number, offset, Int64(bytes.count))
            try file.writeFully(bytes, at: offset)
            return true
        } catch {
            guard error.code == EINVAL else { throw error }
            return false
        }
    }
}

/// Decides from recent direct writes whether a disk is fast enough for direct I/O.
public struct Pace: Sendable {
    /// The least rate of a fast disk; below it, the page cache is faster.
    static let quickBytesPerSecond = 600e6
    /// Bytes written directly before the rate is judged; after a slow result, bytes written cached before the next
    /// trial.
    static let trialBytes = 64 << 20
    static let restBytes = 4 << 30

    private var bytes = 0
    private var seconds = 0.0
    private var rest = 0

    public init() {}

    public var isQuick: Bool { rest == 0 }

    /// Counts bytes written through the page cache.
    public mutating func skip(_ count: Int) { rest = max(0, rest - count) }

    /// Counts bytes written directly in `time` by one of `writers` concurrent writers.
    public mutating func note(_ count: Int, _ time: Duration, writers: Int) {
        bytes += count
        seconds += time / .seconds(1) / Double(writers)
        guard bytes >= Pace.trialBytes else { return }
        if Double(bytes) / seconds < Pace.quickBytesPerSecond { rest = Pace.restBytes }
        (bytes, seconds) = (0, 0)
    }
}

/// The pace of one device, shared by all its writers.
private final class SharedPace: Sendable {
    private static let known = Mutex<[UInt64: SharedPace]>([:])
    private let state = Mutex((pace: Pace(), writers: 0))

    static func ofDevice(_ device: UInt64) -> SharedPace {
        known.withLock { known in
            let pace = known[device] ?? SharedPace()
            known[device] = pace
            return pace
        }
    }

    /// False if the page cache is the better choice now.
    func begin(_ count: Int) -> Bool {
        state.withLock { state in
            guard state.pace.isQuick else {
                state.pace.skip(count)
                return false
            }
            state.writers += 1
            return true
        }
    }

    func end(_ count: Int, after time: Duration) {
        state.withLock { state in
            state.pace.note(count, time, writers: state.writers)
            state.writers -= 1
        }
    }
}
