// Every further name of a content gets its own copy, so that changing one file does not affect another: a reflink if
// possible, else a copy in the kernel, else by read and write. Holes are kept.

import DaftModel
import Glibc

extension Store {
    /// Copies a file of this size into a new, sealed one; returns its inode.
    func duplicate(_ source: Descriptor, _ size: Int64, to place: Location) throws(SystemError) -> UInt64 {
        let file = try DaftStore.duplicate(source, size, to: place, disk)
        if isDurable { try disk.sync(file: file) }
        return try file.status().inode
    }
}

/// Returns the copy, not synced.
func duplicate(
    _ source: Descriptor, _ size: Int64, to place: Location, _ disk: Disk
) throws(SystemError) -> Descriptor {
    let file = try disk.create(place, mode: Store.sealedMode, exclusive: true)
    do {
        try disk.clone(source, to: file)
    } catch {
        // Whatever made the clone fail: copying shows whether it is an error.
        try disk.truncate(file, to: size)
        try disk.copyData(source, size, to: file)
    }
    try file.setMode(Store.sealedMode)
    return file
}

extension Disk {
    fileprivate func copyData(_ source: Descriptor, _ size: Int64, to file: Descriptor) throws(SystemError) {
        var offset: Int64 = 0
        while offset < size, let data = try source.data(after: offset) {
            try copy(data, source, to: file)
            offset = data.upperBound
        }
    }

    private func copy(_ range: Range<Int64>, _ source: Descriptor, to file: Descriptor) throws(SystemError) {
        var offset = range.lowerBound
        while offset < range.upperBound {
            let length = Int(min(range.upperBound - offset, 1 << 30))
            do {
                let count = try copy(source, to: file, at: offset, length: length)
                if count == 0 { return }
                offset += Int64(count)
            } catch {
                guard [EXDEV, EINVAL, ENOSYS, EOPNOTSUPP].contains(error.code) else { throw error }
                return try copyByHand(offset..<range.upperBound, source, to: file)
            }
        }
    }

    private func copyByHand(_ range: Range<Int64>, _ source: Descriptor, to file: Descriptor) throws(SystemError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
        defer { buffer.deallocate() }
        var offset = range.lowerBound
        while offset < range.upperBound {
            let length = Int(min(range.upperBound - offset, Int64(buffer.count)))
            let count = try source.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<length]), at: offset)
            if count == 0 { return }
            try write(UnsafeRawBufferPointer(rebasing: buffer[..<count]), to: file, at: offset)
            offset += Int64(count)
        }
    }
}
