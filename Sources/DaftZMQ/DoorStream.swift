// A client's connection to a door without libzmq: ZMTP 3.0 with the NULL mechanism over a local socket, which is a
// greeting, one command, and frames with their length. A context of libzmq costs more than a short command: two
// threads, their pipes, and the look for a name service.

import DaftModel
import Glibc

/// One thread uses it at a time.
final class DoorStream {
    enum Trouble: Error { case broken, malformed }

    private static let greetingBytes = 64

    private enum Flag {
        static let more: UInt8 = 1
        static let long: UInt8 = 2
        static let command: UInt8 = 4
    }

    let file: Int32
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
    private var incoming: [UInt8] = []
    /// How much of `incoming` has been taken.
    private var taken = 0
    private var isGreeted = false
    /// The door's READY has come. libzmq takes a message that is sent before for a fault in the handshake.
    private var isReady = false
    private var outgoing: [UInt8]
    private var early: [UInt8] = []

    /// Takes over a connected socket that does not block.
    init(_ file: Int32) {
        self.file = file
        outgoing = DoorStream.greeting + DoorStream.frame(DoorStream.ready, Flag.command)
    }

    deinit {
        close(file)
        buffer.deallocate()
    }

    /// Whether something waits for room in the socket.
    var isSending: Bool { !outgoing.isEmpty }

    func send(_ message: [UInt8]) {
        if isReady { outgoing += DoorStream.frame(message, 0) } else { early += DoorStream.frame(message, 0) }
        flush()
    }

    /// Sends what there is room for.
    func flush() {
        while !outgoing.isEmpty {
            let count = Glibc.send(file, outgoing, outgoing.count, Int32(MSG_NOSIGNAL))
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { return }
            // The door has closed. What it sent before is still to be read, and the end of that says so.
            if count < 0 { return outgoing = [] }
            outgoing.removeFirst(count)
        }
    }

    /// The next message; nil where none is whole yet. Once the door has closed the connection, an error.
    func receive() throws(Trouble) -> [UInt8]? {
        while true {
            if let message = try next() { return message }
            guard try read() else { return nil }
        }
    }

    private func next() throws(Trouble) -> [UInt8]? {
        while let (flags, body) = try frame() {
            if flags & Flag.command != 0 {
                // Of later commands none concerns a client: heartbeats belong to later versions.
                isReady = true
                outgoing += early
                early = []
                flush()
                continue
            }
            if flags & Flag.more != 0 { throw .malformed }
            return body
        }
        return nil
    }

    /// False where there is nothing to read now.
    private func read() throws(Trouble) -> Bool {
        incoming.removeFirst(taken)
        taken = 0
        var count = 0
        repeat { count = recv(file, buffer.baseAddress, buffer.count, 0) } while count < 0 && errno == EINTR
        if count < 0, errno == EAGAIN { return false }
        if count <= 0 { throw .broken }
        incoming.append(contentsOf: buffer[..<count])
        return true
    }

    private func frame() throws(Trouble) -> (flags: UInt8, body: [UInt8])? {
        if !isGreeted {
            guard incoming.count >= DoorStream.greetingBytes else { return nil }
            // The signature, a version, and the same mechanism as ours.
            guard incoming[0] == 0xff, incoming[9] == 0x7f, incoming[10] >= 3,
                incoming[12..<32] == DoorStream.greeting[12..<32]
            else { throw .malformed }
            taken = DoorStream.greetingBytes
            isGreeted = true
        }
        let rest = incoming[taken...]
        guard let flags = rest.first else { return nil }
        let isLong = flags & Flag.long != 0
        let header = isLong ? 9 : 2
        guard rest.count >= header else { return nil }
        let length = rest.dropFirst().prefix(header - 1).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length <= UInt64(Socket.longestMessageBytes) else { throw .malformed }
        let body = rest.dropFirst(header).prefix(Int(length))
        guard body.count == Int(length) else { return nil }
        taken += header + body.count
        return (flags, Array(body))
    }

    private static let greeting: [UInt8] =
        [0xff] + Array(repeating: 0, count: 8) + [0x7f, 3, 0] + Array("NULL".utf8) + Array(repeating: 0, count: 48)

    /// Says that this is a DEALER, by which the door's ROUTER knows what to expect.
    private static let ready: [UInt8] = {
        func sized(_ text: String) -> [UInt8] { [UInt8(text.utf8.count)] + Array(text.utf8) }
        return sized("READY") + sized("Socket-Type") + [0, 0, 0] + sized("DEALER") + sized("Identity") + [0, 0, 0, 0]
    }()

    private static func frame(_ body: [UInt8], _ flags: UInt8) -> [UInt8] {
        if body.count < 256 { return [flags, UInt8(body.count)] + body }
        let length = (0..<8).map { UInt8(truncatingIfNeeded: body.count >> (56 - 8 * $0)) }
        return [flags | Flag.long] + length + body
    }
}
