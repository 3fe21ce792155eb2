// A thousand simultaneous strangers without keys at workstation ports and a door: they learn nothing, the node's memory
// and descriptors return to normal, and members are served meanwhile.

import Foundation
import Glibc
import Testing
import TestPrograms

@Suite(.serialized, .timeLimit(.minutes(10))) struct EscapeCrowdTests {
    private static let crowd = 1_000
    /// ZeroMQ greetings with and without keys; a door needs only the latter.
    private static let greetings = [
        "half a greeting": Data([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1] + Array("CURVE".utf8)),
        "no keys": greeting("NULL") + Data([4, 0x19, 5] + Array("READY".utf8) + [11] + Array("Socket-Type".utf8))
            + Data([0, 0, 0, 6] + Array("DEALER".utf8)),
        "a wrong key": greeting("CURVE") + Data([4, 200, 5] + Array("HELLO".utf8) + [UInt8](repeating: 7, count: 194)),
        "silence": Data(),
        "noise": Data((0..<2_000).map { _ in UInt8.random(in: 0...255) }),
    ]

    private static func greeting(_ mechanism: String) -> Data {
        let name = Array(mechanism.utf8)
        return Data([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0] + name + [UInt8](repeating: 0, count: 20 - name.count))
            + Data(count: 32)
    }

    @Test func aCrowdOfStrangersCostsNothingThatStays() throws {
        let system = try Neighbours()
        #expect(try system.daft("put", "file").status == 0)
        let kinds = EscapeCrowdTests.greetings.sorted { $0.key < $1.key }
        // All kinds at once at the data server; each kind alone at both nodes.
        let crowds = Trials.areAll ? kinds.map { ($0.key, [$0.value]) } : [("all kinds", kinds.map(\.value))]
        var figures = Figures()
        for node in Trials.areAll ? system.nodes : system.nodes.suffix(1) {
            let door = "\(system.path)/store/.daft/door"
            for place in try system.ports(of: node).map({ Crowd.Place.port($0) }) + [.door(door)] {
                for (kind, greetings) in crowds {
                    try check(node, place, greetings, in: system, &figures, "\(kind) at \(place)")
                }
            }
        }
        Trials.report("no way in", "\(figures)")
    }

    private func check(
        _ node: pid_t, _ place: Crowd.Place, _ greetings: [Data], in system: Neighbours, _ figures: inout Figures,
        _ what: String
    ) throws {
        let before = Held(of: node)
        let crowd = try Crowd(EscapeCrowdTests.crowd, at: place, saying: greetings)
        let meanwhile = try system.daft("ls")
        #expect(meanwhile.status == 0 && meanwhile.output == "/file\n", "\(what): \(meanwhile)")
        let height = Held(of: node)
        crowd.leave()
        let isOver = soon(seconds: 10) { Held(of: node).descriptors <= before.descriptors + 4 }
        let after = Held(of: node)
        #expect(isOver, "\(what): \(before) \(after)")
        #expect(
            max(height.kilobytes, after.kilobytes) < before.kilobytes + 32_000, "\(what): \(before) \(height) \(after)")
        figures.note(before, height, after)
    }
}

/// Maxima over all crowds.
private struct Figures: CustomStringConvertible {
    private var crowds = 0
    private var (moreAtHeight, moreAfter, descriptors) = (0, 0, 0)

    mutating func note(_ before: Held, _ height: Held, _ after: Held) {
        crowds += 1
        moreAtHeight = max(moreAtHeight, height.kilobytes - before.kilobytes)
        moreAfter = max(moreAfter, after.kilobytes - before.kilobytes)
        descriptors = max(descriptors, height.descriptors - before.descriptors)
    }

    var description: String {
        """
        \(crowds) crowds of 1000; at the height \(descriptors) descriptors and \(moreAtHeight) KiB more, after it \
        \(moreAfter) KiB
        """
    }
}

/// A process's resources.
private struct Held: CustomStringConvertible {
    let descriptors: Int
    let kilobytes: Int

    init(of process: pid_t) {
        descriptors = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd").count) ?? 0
        let status = (try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        kilobytes = line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    }

    var description: String { "\(descriptors) fd \(kilobytes / 1024) MiB" }
}

/// Connections that send something and stay open.
private final class Crowd {
    enum Place {
        case port(UInt16)
        case door(String)
    }

    private var files: [Int32] = []

    init(_ count: Int, at place: Place, saying greetings: [Data]) throws {
        for number in 0..<count {
            let file = try Crowd.connected(to: place)
            files.append(file)
            _ = greetings[number % greetings.count].withUnsafeBytes {
                send(file, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            }
        }
    }

    deinit { leave() }

    func leave() {
        for file in files { close(file) }
        files = []
    }

    private static func connected(to place: Place) throws -> Int32 {
        switch place {
        case .port(let number):
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = number.bigEndian
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            return try connected(AF_INET, &address, MemoryLayout<sockaddr_in>.size)
        case .door(let path):
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(107)) }
            return try connected(AF_UNIX, &address, MemoryLayout<sockaddr_un>.size)
        }
    }

    private static func connected(_ family: Int32, _ address: UnsafeRawPointer, _ size: Int) throws -> Int32 {
        let file = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        let code = connect(file, address.assumingMemoryBound(to: sockaddr.self), socklen_t(size))
        try #require(code == 0, "\(String(cString: strerror(errno)))")
        return file
    }
}

/// Workstations on this machine, with a shell script instead of ssh.
private final class Neighbours {
    let path = "/tmp/daft-crowd-test-\(UInt64.random(in: 0 ... .max))"
    private var running: [Running] = []

    init() throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let script = "#!/bin/sh\nwhile [ \"$1\" != -- ]; do shift; done\nHOME=\(path); export HOME\nexec sh -c \"$3\"\n"
        try script.write(toFile: path + "/ssh", atomically: true, encoding: .utf8)
        chmod(path + "/ssh", 0o700)
        try "here\n".write(toFile: path + "/hosts", atomically: true, encoding: .utf8)
        try "file\n".write(toFile: path + "/file", atomically: true, encoding: .utf8)
        let started = try daft("start", "hosts", "--catalogue", path + "/catalogue", "--ssh", path + "/ssh")
        try #require(started.status == 0, "\(started)")
    }

    deinit {
        for one in running { one.end() }
        for number in [SIGTERM, SIGKILL] {
            for node in nodes { kill(node, number) }
            _ = soon { nodes.isEmpty }
        }
        try? FileManager.default.removeItem(atPath: path)
    }

    func daft(_ words: String...) throws -> Ended {
        let number = running.count
        let one = try Running(
            builtProgram("daft"), ["--store", path + "/store"] + words, in: path,
            variables: ["HOME=\(path)", "TMPDIR=\(path)"], input: "/dev/null", output: "\(path)/.out\(number)",
            errors: "\(path)/.err\(number)")
        running.append(one)
        return one.wait()
    }

    /// The node processes started here.
    var nodes: [pid_t] {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return all.compactMap { pid_t($0) }.filter { process in
            let name = FileManager.default.contents(atPath: "/proc/\(process)/comm") ?? Data()
            let environment = FileManager.default.contents(atPath: "/proc/\(process)/environ") ?? Data()
            return name.starts(with: Data("daft-node".utf8)) && environment.range(of: Data(path.utf8)) != nil
        }.sorted()
    }

    /// The ports a process listens on, from its descriptors and /proc.
    func ports(of process: pid_t) throws -> [UInt16] {
        let place = "/proc/\(process)/fd"
        let names = try FileManager.default.contentsOfDirectory(atPath: place)
        let own = Set(names.compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: "\(place)/\($0)") })
        let tables = try ["tcp", "tcp6"].map { try String(contentsOfFile: "/proc/net/\($0)", encoding: .utf8) }
        return tables.joined().split(separator: "\n").compactMap { line in
            let columns = line.split(separator: " ")
            guard columns.count > 9, columns[3] == "0A", own.contains("socket:[\(columns[9])]") else { return nil }
            return columns[1].split(separator: ":").last.flatMap { UInt16($0, radix: 16) }
        }
    }
}
