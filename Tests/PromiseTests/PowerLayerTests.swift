// Regressions found by power cuts, layer by layer: what is reported as durable survives.

import DaftCatalogue
import DaftModel
import DaftStore
import Foundation
import Testing

@Suite(.serialized, .enabled(if: PowerDisk.areThere, "needs root, loop devices, mkfs.ext4 and mkfs.xfs"))
struct PowerLayerTests {
    private static let bytes = [UInt8](repeating: 7, count: 9_000)
    private static let manifest = Manifest(
        size: Int64(bytes.count), chunkSize: .standard, chunks: [digest(of: bytes)])
    private static let entry = Entry(
        .file(manifest.contentID), mode: 0o640, mtime: Time(seconds: 1_500_000_000, nanoseconds: 5))

    /// Writes `name` like `get` writes large files, and `small-name` like small ones.
    private func write(_ name: String, into tree: TargetTree) throws {
        try PowerLayerTests.bytes.withUnsafeBytes { bytes in
            try TargetFile.writeWhole(in: tree, Array("small-\(name)".utf8), PowerLayerTests.entry, bytes)
            let file = try tree.file(Array(name.utf8), PowerLayerTests.entry, PowerLayerTests.manifest)
            let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4 << 20, alignment: 4096)
            defer { buffer.deallocate() }
            try file.inspect(buffer: buffer)
            if file.have.isEmpty { try file.write(0, bytes) }
            try file.finish()
        }
    }

    private func isThere(_ path: String) -> Bool {
        guard let state = FileState(path), case .file(let bytes) = state.kind else { return false }
        return Array(bytes) == PowerLayerTests.bytes && state.mode == 0o640 && state.nanoseconds == 5
    }

    @Test(arguments: PowerDisk.Filesystem.allCases)
    func whatADurableGetHasFinishedIsOnTheDisk(filesystem: PowerDisk.Filesystem) throws {
        let disk = try PowerDisk(filesystem)
        let path = Array((disk.path + "/out").utf8)
        let directory = Entry(.directory, mode: 0o750, mtime: Time(seconds: 1_400_000_000, nanoseconds: 3))
        do {
            let careless = try TargetTree(path)
            try careless.makeDirectory([])
            for name in ["again", "held"] { try write(name, into: careless) }
            let tree = try TargetTree(path, durable: true)
            for name in ["new", "again"] { try write(name, into: tree) }
            try tree.makeDirectory(Array("d".utf8))
            for name in ["held", "small-held"] {
                #expect(tree.holds(Array(name.utf8), PowerLayerTests.entry, PowerLayerTests.manifest))
            }
            #expect(tree.finishDirectories([([], directory), (Array("d".utf8), directory)]).isEmpty)
        }
        try disk.cut()
        try disk.comeBack()
        for name in ["new", "again", "held", "small-new", "small-again", "small-held"] {
            #expect(isThere("\(disk.path)/out/\(name)"), "\(name)")
        }
        #expect(FileState(disk.path + "/out/d")?.mode == 0o750)
    }

    @Test(arguments: PowerDisk.Filesystem.allCases)
    func aDurableCatalogueKeepsWhatOneThatWasNotHasWritten(filesystem: PowerDisk.Filesystem) throws {
        let disk = try PowerDisk(filesystem)
        let path = disk.path + "/catalogue.sqlite"
        let names = try [Name("/before"), Name("/after")]
        let before = try Catalogue(path: path)
        try before.change { (change) throws(Failure) in
            try change.append(.system(SystemID.random()))
            try change.append(.entry(directory(names[0])))
        }
        before.close()
        let after = try Catalogue(path: path, durable: true)
        try after.change { (change) throws(Failure) in try change.append(.entry(directory(names[1]))) }
        try disk.cut()
        after.close()
        try disk.comeBack()
        let catalogue = try Catalogue(path: path, durable: true)
        for name in names { #expect(try catalogue.entry(name) != nil, "\(name)") }
        catalogue.close()
    }

    private func directory(_ name: Name) -> NamedEntry {
        NamedEntry(name, Entry(.directory, mode: 0o755, mtime: .zero))
    }

    /// Otherwise a message would advise discarding intact data.
    @Test(arguments: PowerDisk.Filesystem.allCases)
    func aDiskThatDoesNotAnswerIsNotCalledDamage(filesystem: PowerDisk.Filesystem) throws {
        let disk = try PowerDisk(filesystem)
        var options = Store.Options()
        options.durable = true
        let store = try Store(at: Array((disk.path + "/store").utf8), options)
        let catalogue = try Catalogue(path: disk.path + "/catalogue.sqlite", durable: true)
        try disk.cut()
        for round in 0..<3 {
            let named = directory(try Name("/d\(round)"))
            let ofStore = #expect(throws: Failure.self) { _ = try store.place([named]) }
            #expect(ofStore?.kind == .failed, "\(String(describing: ofStore))")
            let ofCatalogue = #expect(throws: Failure.self) {
                try catalogue.change { (change) throws(Failure) in try change.append(.system(SystemID.random())) }
            }
            #expect(ofCatalogue?.kind == .failed, "\(String(describing: ofCatalogue))")
        }
        store.close()
        catalogue.close()
    }
}
