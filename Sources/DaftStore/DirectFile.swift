// Writing bytes to a file. Large writes go past the page cache where the disk is quick: copying a gigabyte into it
// costs half a second of processor time, and pushes out what others on the node have there. On a slow disk they go into
// the page cache, which takes them as fast as they come until memory is full.

import CLinux
import DaftModel
import Glibc
import Synchronization

extension Descriptor {
    private static let page = 4096
    /// Below this, waiting for the disk costs more than going round the page cache saves.
    private static let smallestDirect = 1 << 20
    /// More at a time makes the kernel take huge pages for the page cache. A virtual machine may have given those back
    /// to its host, and waits for each of them.
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

    /// Writes all of `bytes` into the page cache.
    func writeCached(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(SystemError) {
        try pour(bytes, at: offset, atOnce: Descriptor.cachedAtOnce)
    }

    /// Writes through this very descriptor.
    fileprivate func pour(
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

/// A file opened once more, for writes past the page cache.
final class DirectFile: Sendable {
    /// What opening it came to; some filesystems refuse.
    struct Found: Sendable {
        let file: DirectFile?
    }

    private let file: Descriptor
    private let pace: SharedPace

    fileprivate init?(_ file: Descriptor) {
        // The page cache is all that a filesystem in memory has: nothing goes past it, whatever it says.
        if file.filesystem.sort == .inMemory { return nil }
        let number = open("/proc/self/fd/\(file.number)", O_WRONLY | O_CLOEXEC | linux_o_direct)
        guard number >= 0 else { return nil }
        self.file = Descriptor(number)
        guard let device = try? file.status().device else { return nil }
        pace = SharedPace.ofDevice(device)
    }

    /// False where the page cache has to take them, for now or since this filesystem refuses.
    fileprivate func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(SystemError) -> Bool {
        guard pace.begin(bytes.count) else { return false }
        let clock = ContinuousClock()
        let start = clock.now
        defer { pace.end(bytes.count, after: start.duration(to: clock.now)) }
        do {
            // ext4 lets writers into a hole one after the other, and into reserved blocks all at once. Where it cannot
            // be done nothing is lost, and a full disk the write itself finds.
            _ = linux_reserve(file.number, offset, Int64(bytes.count))
            try file.pour(bytes, at: offset)
            return true
        } catch {
            guard error.code == EINVAL else { throw error }
            return false
        }
    }
}

/// How quick a disk is, as its latest direct writes have shown.
public struct Pace: Sendable {
    /// What a quick disk takes at least; below, the page cache is the quicker one.
    static let quickBytesPerSecond = 600e6
    /// So much is written before the disk is judged, and so much goes into the page cache before it is tried again.
    static let trialBytes = 64 << 20
    static let restBytes = 4 << 30

    private var bytes = 0
    private var seconds = 0.0
    private var rest = 0

    public init() {}

    public var isQuick: Bool { rest == 0 }

    /// Bytes that go into the page cache.
    public mutating func skip(_ count: Int) { rest = max(0, rest - count) }

    /// Bytes that were written directly, in `time` while `writers` shared the disk.
    public mutating func note(_ count: Int, _ time: Duration, writers: Int) {
        bytes += count
        seconds += time / .seconds(1) / Double(writers)
        guard bytes >= Pace.trialBytes else { return }
        if Double(bytes) / seconds < Pace.quickBytesPerSecond { rest = Pace.restBytes }
        (bytes, seconds) = (0, 0)
    }
}

/// The pace of one device, for all who write to it.
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

    /// False if the page cache is the better place now.
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
