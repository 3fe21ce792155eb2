// Builds and controls the fault injection library (faults/disk_faults.c) through a mapped file.

import Foundation
import Glibc
import TestPrograms

/// The fault at a call.
enum Fault: String, CaseIterable, Sendable {
    case kill, noSpace, inputOutput, quota, interrupted, short

    var number: Int64 {
        switch self {
        case .kill: -1
        case .short: -2
        case .noSpace: Int64(ENOSPC)
        case .inputOutput: Int64(EIO)
        case .quota: Int64(EDQUOT)
        case .interrupted: Int64(EINTR)
        }
    }

    /// The program must handle it without an error.
    var isHarmless: Bool { self == .interrupted || self == .short }

    /// How a message describes it.
    var reasons: [String] {
        switch self {
        case .noSpace: ["no space"]
        case .quota: ["quota"]
        case .inputOutput: ["Input/output error"]
        case .kill, .interrupted, .short: []
        }
    }
}

struct FaultyCalls {
    /// The call that was hit.
    struct Hit: CustomStringConvertible {
        let call: String
        let path: String

        /// SQLite loses the reason when it deletes the file, and opens read-only what it cannot open for writing.
        var hidesReason: Bool { path.hasSuffix("-journal") || path.hasSuffix("-shm") || call.hasPrefix("open") }

        var description: String { "\(call) \(path)" }
    }

    private static let callBytes = 32
    private static let pathBytes = 472
    private static let mark = 4_102_444_800

    /// The library's path; nil if it could not be built.
    private static let library: String? = {
        let source = (#filePath as NSString).deletingLastPathComponent + "/faults/disk_faults.c"
        let library = (builtProgram("daft-test-faults.so") as NSString).standardizingPath
        let words = ["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, source]
        guard let compiler = ["clang", "cc"].lazy.compactMap(program).first,
            let building = try? Running(
                compiler, words, in: "/", input: "/dev/null", output: "/dev/null", errors: "/dev/null")
        else { return nil }
        return building.wait(seconds: 60).status == 0 ? library : nil
    }()

    /// Preferably in memory: a trial syncs a hundred times.
    static let baseDirectory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"

    static var areAvailable: Bool { library != nil }

    /// Whether the file is marked by a failed fsync.
    static func isUnsynced(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_atim.tv_sec == mark
    }

    let control: String

    /// Counts calls and hits the one of this number; 0: none.
    func arm(_ fault: Fault, at position: Int) throws {
        var bytes = Data()
        for number in [Int64(position), fault.number, 0] {
            withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
        }
        bytes.append(Data(count: FaultyCalls.callBytes + FaultyCalls.pathBytes))
        // Overwrite the file in place, since processes may have it mapped.
        if !FileManager.default.fileExists(atPath: control) {
            _ = FileManager.default.createFile(atPath: control, contents: nil)
        }
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: control))
        try file.write(contentsOf: bytes)
        try file.close()
    }

    /// Environment variables for the program under test.
    func variables(below directory: String) -> [String] {
        ["LD_PRELOAD=\(FaultyCalls.library ?? "")", "FAULT_CONTROL=\(control)", "FAULT_BELOW=\(directory)"]
    }

    /// The number of calls so far.
    func count() throws -> Int {
        try Data(contentsOf: URL(fileURLWithPath: control)).withUnsafeBytes {
            Int($0.loadUnaligned(fromByteOffset: 16, as: Int64.self))
        }
    }

    func hit() throws -> Hit? {
        let bytes = try Data(contentsOf: URL(fileURLWithPath: control)).dropFirst(24)
        func text(_ part: Data) -> String { String(decoding: part.prefix { $0 != 0 }, as: UTF8.self) }
        let call = text(bytes.prefix(FaultyCalls.callBytes))
        return call.isEmpty ? nil : Hit(call: call, path: text(bytes.dropFirst(FaultyCalls.callBytes)))
    }
}

/// A program in PATH.
private func program(_ name: String) -> String? {
    let places = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin"
    return places.split(separator: ":").map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
}
