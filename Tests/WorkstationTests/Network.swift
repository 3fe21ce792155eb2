// The box's network from inside: sockets of this process in a host's network namespace, and captures at the switch.

import Foundation
import Glibc
import Synchronization
import TestBox

/// Runs `body` on a thread in the network namespace of another process. Its sockets and threads stay there.
func inNetwork<T: Sendable>(of process: pid_t, _ body: @escaping @Sendable () throws -> T) throws -> T {
    let visit = Visit<T>()
    Thread {
        visit.result.withLock { result in
            result = Result {
                try enterNetwork(of: process)
                return try body()
            }
        }
        visit.over.signal()
    }.start()
    visit.over.wait()
    let nothing = NoBox(program: "a thread", reason: "it did nothing")
    return try visit.result.withLock { $0 ?? .failure(nothing) }.get()
}

private final class Visit<T: Sendable>: Sendable {
    let result = Mutex<Result<T, any Error>?>(nil)
    let over = DispatchSemaphore(value: 0)
}

private func enterNetwork(of process: pid_t) throws {
    // Not exported by Swift's Glibc.
    typealias Enter = @convention(c) (Int32, Int32) -> Int32
    let file = open("/proc/\(process)/ns/net", O_RDONLY | O_CLOEXEC)
    defer { close(file) }
    guard file >= 0, let enter = dlsym(nil, "setns").map({ unsafeBitCast($0, to: Enter.self) }), enter(file, 0) == 0
    else { throw NoBox(program: "setns", reason: String(cString: strerror(errno))) }
}

/// Captures everything that passes the box's switch.
final class Capture: Sendable {
    private let file: Int32
    private let frames = Mutex<[Data]>([])
    private let isOver = Atomic(false)
    private let ended = DispatchSemaphore(value: 0)

    init(of box: Box) throws {
        file = try inNetwork(of: box.switchProcess) {
            let everything: Int32 = 3
            let file = socket(
                AF_PACKET, Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue), everything.bigEndian >> 16)
            var room: Int32 = 256 << 20
            let forceRoom: Int32 = 33
            setsockopt(file, SOL_SOCKET, forceRoom, &room, socklen_t(4))
            return file
        }
        guard file >= 0 else { throw NoBox(program: "AF_PACKET", reason: String(cString: strerror(errno))) }
        Thread { self.run() }.start()
    }

    private func run() {
        var buffer = [UInt8](repeating: 0, count: 128 << 10)
        while !isOver.load(ordering: .relaxed) {
            var one = pollfd(fd: file, events: Int16(POLLIN), revents: 0)
            guard poll(&one, 1, 100) > 0 else { continue }
            let count = recv(file, &buffer, buffer.count, 0)
            if count > 0 { frames.withLock { $0.append(Data(buffer[..<count])) } }
        }
        close(file)
        ended.signal()
    }

    /// The frames of all ports, once per port that they passed.
    func end() -> [Data] {
        usleep(300_000)
        isOver.store(true, ordering: .relaxed)
        ended.wait()
        return frames.withLock { $0 }
    }
}

/// The byte stream to `port` of `address` of each TCP connection that began during the capture.
func sessions(in frames: [Data], to address: String, port: UInt16) -> [Data] {
    let target = address.split(separator: ".").compactMap { UInt8($0) }
    var pieces: [UInt16: [UInt32: Data]] = [:]
    var starts: [UInt16: UInt32] = [:]
    for frame in frames where frame.count > 54 - 1 && frame[12] == 8 && frame[13] == 0 && frame[23] == 6 {
        let ip = frame[14...]
        let header = 14 + Int(ip[14] & 15) * 4
        func number(_ offset: Int) -> UInt16 {
            UInt16(frame[header + offset]) << 8 | UInt16(frame[header + offset + 1])
        }
        guard Array(frame[30..<34]) == target, number(2) == port else { continue }
        let sequence = UInt32(number(4)) << 16 | UInt32(number(6))
        if frame[header + 13] & 2 != 0 { starts[number(0)] = sequence &+ 1 }
        let body = header + Int(frame[header + 12] >> 4) * 4
        let end = 14 + (Int(frame[16]) << 8 | Int(frame[17]))
        if body < end, end <= frame.count { pieces[number(0), default: [:]][sequence] = Data(frame[body..<end]) }
    }
    return starts.compactMap { source, start in
        var (bytes, next) = (Data(), start)
        while let piece = pieces[source]?[next] {
            bytes += piece
            next &+= UInt32(piece.count)
        }
        return bytes.isEmpty ? nil : bytes
    }
}
