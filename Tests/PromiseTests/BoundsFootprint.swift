// Samples the resources of a command's processes every few milliseconds: peak memory, descriptors, threads, temporary
// disk space; and measures processor time.

import Foundation
import Glibc
import TestPrograms

struct Footprint: CustomStringConvertible {
    var peakBytes = 0
    var descriptors = 0
    var threads = 0

    var description: String { "\(peakBytes >> 20) MiB, \(descriptors) descriptors, \(threads) threads" }

    init() {}

    /// Zero for a process that has ended.
    init(of process: pid_t) {
        peakBytes = status(of: process, "VmHWM:") * 1024
        descriptors = entries("/proc/\(process)/fd")
        threads = entries("/proc/\(process)/task")
    }

    mutating func grow(to other: Footprint) {
        peakBytes = max(peakBytes, other.peakBytes)
        descriptors = max(descriptors, other.descriptors)
        threads = max(threads, other.threads)
    }
}

/// The resident memory of a process.
func residentBytes(of process: pid_t) -> Int { status(of: process, "VmRSS:") * 1024 }

/// A command and its resources.
struct Measured {
    let ended: Ended
    let seconds: Double
    /// Of all its processes.
    let processorSeconds: Double
    let processes: [pid_t: Footprint]
    /// Peak disk space besides the results.
    let temporaryBytes: Int

    var peakBytes: Int { processes.values.map(\.peakBytes).max() ?? 0 }
    var descriptors: Int { processes.values.map(\.descriptors).max() ?? 0 }
    var threads: Int { processes.values.map(\.threads).max() ?? 0 }
}

/// Samples a process and its children until it ends. `folder` contains everything that it writes.
func measure(_ running: Running, below folder: String, seconds limit: Double) -> Measured {
    let start = Date()
    var processes: [pid_t: Footprint] = [:]
    var temporary = 0
    var nextLook = start
    while !running.hasEnded, Date().timeIntervalSince(start) < limit {
        // A child between fork and exec still has the tests' resources.
        for process in [running.id] + children(of: running.id) where text("/proc/\(process)/comm").hasPrefix("daft") {
            processes[process, default: Footprint()].grow(to: Footprint(of: process))
        }
        if Date() >= nextLook {
            temporary = max(temporary, temporaryBytes(below: folder))
            nextLook = Date().addingTimeInterval(0.5)
        }
        usleep(20_000)
    }
    let ended = running.wait(seconds: 1)
    return Measured(
        ended: ended, seconds: Date().timeIntervalSince(start), processorSeconds: running.processorSeconds,
        processes: processes, temporaryBytes: temporary)
}

func children(of process: pid_t) -> [pid_t] {
    text("/proc/\(process)/task/\(process)/children").split(separator: " ").compactMap { pid_t($0) }
}

/// Everything below `.daft`, the catalogue's directory and TMPDIR except databases: unfinished files, journals.
private func temporaryBytes(below folder: String) -> Int {
    let places = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    let roots = places.map { place in
        folder + "/" + place + (place.hasPrefix("store") && !place.hasSuffix(".mds") ? "/.daft" : "")
    }
    return roots.filter { $0.contains("/store") || $0.hasSuffix("/tmp") }.reduce(0) { $0 + allocated(below: $1) }
}

private func allocated(below root: String) -> Int {
    guard let files = FileManager.default.enumerator(atPath: root) else { return 0 }
    var sum = 0
    for case let file as String in files where !file.hasSuffix(".sqlite") {
        var status = stat()
        if lstat(root + "/" + file, &status) == 0, status.st_mode & S_IFMT == S_IFREG {
            sum += Int(status.st_blocks) * 512
        }
    }
    return sum
}

/// Disk usage of a file.
func allocatedBytes(_ path: String) -> Int {
    var status = stat()
    return lstat(path, &status) == 0 ? Int(status.st_blocks) * 512 : -1
}

private func status(of process: pid_t, _ key: String) -> Int {
    let line = text("/proc/\(process)/status").split(separator: "\n").first { $0.hasPrefix(key) } ?? ""
    return line.split(whereSeparator: { " \t".contains($0) }).dropFirst().first.flatMap { Int($0) } ?? 0
}

private func entries(_ path: String) -> Int {
    guard let directory = opendir(path) else { return 0 }
    defer { closedir(directory) }
    var count = 0
    while let entry = readdir(directory) { count += entry.pointee.d_name.0 == UInt8(ascii: ".") ? 0 : 1 }
    return count
}

private func text(_ path: String) -> String {
    String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
}
