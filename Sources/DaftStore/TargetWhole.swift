// Small files of a `get`, written with few system calls because there may be a million of them.

import DaftModel
import Glibc

extension TargetFile {
    /// Writes a whole file of verified bytes, unless it already has them.
    public static func writeWhole(
        in tree: TargetTree, _ relative: [UInt8], _ entry: Entry, _ bytes: UnsafeRawBufferPointer
    ) throws(Failure) {
        let place = try tree.place(relative)
        if let existing = try place.existingFile(), Int(existing.size) == bytes.count,
            place.mayKeep(existing, for: entry), try settle(place, entry, ifEqualTo: bytes)
        {
            return
        }
        guard let partial = try TargetPartial.open(for: place, create: true) else { return }
        do {
            let isZero = isZero(bytes)
            if isZero || partial.isUsed || endsInZeros(bytes) { try partial.resize(to: Int64(bytes.count)) }
            if isZero {
                try partial.leaveHole(0..<Int64(bytes.count))
            } else {
                try partial.write(bytes, at: 0)
            }
        } catch {
            partial.remove()
            throw error.failure(place.path)
        }
        try partial.finish(entry)
    }

    /// Trailing zeros may be a hole, so the file's size must be set.
    private static func endsInZeros(_ bytes: UnsafeRawBufferPointer) -> Bool { bytes.last == 0 }

    /// Sets mode and mtime of an existing file if it has these bytes.
    private static func settle(
        _ place: TargetLocation, _ entry: Entry, ifEqualTo bytes: UnsafeRawBufferPointer
    ) throws(Failure) -> Bool {
        // An unreadable file is rewritten.
        guard let file = try? place.open(O_RDONLY) else { return false }
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 16)
        defer { memory.deallocate() }
        guard (try? file.read(into: memory, at: 0)) == bytes.count, memory.elementsEqual(bytes) else { return false }
        do {
            try file.settle(entry, durable: place.isDurable)
        } catch {
            throw error.failure(place.path)
        }
        return true
    }
}
