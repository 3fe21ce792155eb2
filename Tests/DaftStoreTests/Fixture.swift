// Fixtures for store tests: a temporary directory, contents made from a seed, and shorthands.

import DaftModel
import DaftStore
import Glibc
import TestDisk
import Testing

/// A content in memory.
struct Made {
    let bytes: [UInt8]
    let manifest: Manifest
    var id: ContentID { manifest.contentID }

    init(_ bytes: [UInt8], chunk: Int = 4096) {
        self.bytes = bytes
        let size = ChunkSize(chunk)!
        let ids = stride(from: 0, to: bytes.count, by: chunk).map { start in
            digest(of: Array(bytes[start..<min(start + chunk, bytes.count)]))
        }
        manifest = Manifest(size: Int64(bytes.count), chunkSize: size, chunks: ids)
    }

    /// Bytes unique to the seed.
    init(seed: UInt64, size: Int, chunk: Int = 4096) {
        var random = Sequence64(seed)
        self.init(random.bytes(size), chunk: chunk)
    }

    func chunk(_ index: Int) -> [UInt8] {
        let start = Int(manifest.offset(of: index))
        return Array(bytes[start..<start + manifest.length(of: index)])
    }

    func entry(mode: UInt16 = 0o644, seconds: Int64 = 1_600_000_000) -> Entry {
        Entry(.file(id), mode: mode, mtime: Time(seconds: seconds, nanoseconds: 123_456_789))
    }
}

/// A directory in /tmp that is removed with this object, and the store in it.
final class Fixture {
    let directory: String
    let path: String
    let disk: FaultyDisk
    var options = Store.Options()

    init(durable: Bool = false) {
        directory = "/tmp/daft-store-test-\(UniqueID.random().hex)"
        path = directory + "/store"
        mkdir(directory, 0o700)
        mkdir(directory + "/graves", 0o700)
        disk = FaultyDisk(graveyard: directory + "/graves")
        options.durable = durable
        options.bootID = Array("boot 1".utf8)
        options.disk = disk
    }

    deinit {
        removeTree(AT_FDCWD, directory.utf8CString.map { $0 })
    }

    func open() throws -> Store { try Store(at: Array(path.utf8), options) }

    /// Reopened after a power loss.
    func afterPowerLoss(_ random: inout Sequence64) throws -> Store {
        disk.powerLoss(using: &random)
        options.bootID = Array("boot \(random.next())".utf8)
        return try open()
    }

    /// Copies the store at its next rename.
    func copyAtNextRename() {
        let command = "cp -a \(path) \(directory)/copy"
        disk.beforeRename { [disk] in
            disk.beforeRename(nil)
            _ = Glibc.system(command)
        }
    }

    /// Opens that copy in the store's place, as if the process had died then.
    func openCopy() throws -> Store {
        rename(path, directory + "/original")
        rename(directory + "/copy", path)
        return try open()
    }

    /// The file at a name, read directly.
    func contents(_ name: String) -> [UInt8]? { DaftStoreTests.contents(path + name) }

    func write(_ name: String, _ bytes: [UInt8]) {
        let file = Glibc.open(path + name, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        bytes.withUnsafeBytes { _ = Glibc.write(file, $0.baseAddress, $0.count) }
        close(file)
    }

    /// Changes a byte of a file.
    func spoil(_ path: String, at offset: Int) {
        let file = Glibc.open(self.path + path, O_RDWR)
        var byte: UInt8 = 0
        pread(file, &byte, 1, offset)
        byte ^= 0x55
        pwrite(file, &byte, 1, offset)
        close(file)
    }

    func status(_ name: String) -> stat? {
        var raw = stat()
        return lstat(path + name, &raw) == 0 ? raw : nil
    }

    var partials: [String] { entries(of: path + "/.daft/partial") }
}

func contents(_ path: String) -> [UInt8]? {
    let file = open(path, O_RDONLY)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = buffer.withUnsafeMutableBytes { read(file, $0.baseAddress, $0.count) }
        if count <= 0 { return bytes }
        bytes += buffer[..<count]
    }
}

func entries(of directory: String) -> [String] {
    guard let stream = opendir(directory) else { return [] }
    defer { closedir(stream) }
    var found: [String] = []
    while let item = readdir(stream) {
        let name = withUnsafePointer(to: &item.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != "." && name != ".." { found.append(name) }
    }
    return found.sorted()
}

/// Removes a tree of any names and depth.
private func removeTree(_ base: Int32, _ leaf: [CChar]) {
    if unlinkat(base, leaf, 0) == 0 { return }
    let directory = openat(base, leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    guard directory >= 0, let stream = fdopendir(directory) else { return }
    var leaves: [[CChar]] = []
    while let item = readdir(stream) {
        let leaf = withUnsafeBytes(of: &item.pointee.d_name) { $0.prefix { $0 != 0 }.map { CChar(bitPattern: $0) } }
        if leaf != [46] && leaf != [46, 46] { leaves.append(leaf + [0]) }
    }
    for leaf in leaves { removeTree(directory, leaf) }
    closedir(stream)
    unlinkat(base, leaf, AT_REMOVEDIR)
}

func name(_ text: String) -> Name {
    guard let name = try? Name(text) else { preconditionFailure(text) }
    return name
}

extension Store {
    func fillWhole(_ made: Made, only chunks: [Int]? = nil) throws -> PartialFile {
        let partialFile = try fill(made.id, made.manifest)
        for chunk in chunks ?? Array(made.manifest.chunks.indices) { try partialFile.write(made, chunk) }
        return partialFile
    }

    /// Fills, finishes and places.
    func put(_ made: Made, at names: String...) throws {
        try fillWhole(made).finish()
        for text in names { #expect(try place([NamedEntry(name(text), made.entry())]) == []) }
    }

    func keepWhole(_ contents: [Made]) throws {
        let memory = contents.map { made in
            let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: made.bytes.count, alignment: 8)
            copy.copyBytes(from: made.bytes)
            return copy
        }
        defer { for memory in memory { memory.deallocate() } }
        try keep(zip(contents, memory).map { SmallContent($0.id, $0.manifest, UnsafeRawBufferPointer($1)) })
    }

    func bytes(_ chunk: Int, of content: ContentID, size: Int = 1 << 16) throws(Failure) -> [UInt8] {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 8)
        defer { buffer.deallocate() }
        let count = try read(chunk, of: content, into: buffer)
        return Array(buffer[..<count])
    }

    func check(_ content: ContentID) throws(Failure) -> [Int] { try checked(content).lost }

    func checked(_ content: ContentID) throws(Failure) -> Checked {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 8)
        defer { buffer.deallocate() }
        return try check(content, buffer: buffer)
    }

    var sumOfKept: UInt64 {
        get throws { try kept(after: nil, limit: .max).reduce(0) { $0 ^ inventoryMark(of: $1.content, $1.extent) } }
    }
}

extension PartialFile {
    func write(_ made: Made, _ chunk: Int) throws(Failure) {
        let bytes = ContiguousArray(made.chunk(chunk))
        try bytes.withUnsafeBufferPointer { (bytes) throws(Failure) in
            try write(chunk, made.manifest.chunks[chunk], UnsafeRawBufferPointer(bytes))
        }
    }
}

/// The kind of the failure that `body` throws.
func failureKind(_ body: () throws -> Void) -> Failure.Kind? {
    do {
        try body()
        return nil
    } catch { return (error as? Failure)?.kind }
}
