// libzmq in Swift words: a context, sockets that send and receive whole messages without waiting, one error.

import CZMQ
import DaftLink
import DaftModel
import DaftWire
import Glibc

struct ZMQError: Error, Hashable, Sendable {
    let code: Int32
    let call: String

    init(_ call: String) { (self.call, code) = (call, zmq_errno()) }

    var reason: String { "\(String(cString: zmq_strerror(code))) (\(call))" }
}

/// Ends when its last socket is closed and what was sent has left, or could not.
final class Context: @unchecked Sendable {
    fileprivate let handle: UnsafeMutableRawPointer

    init() throws(ZMQError) {
        guard let handle = zmq_ctx_new() else { throw ZMQError("zmq_ctx_new") }
        self.handle = handle
    }

    deinit { while zmq_ctx_term(handle) != 0, zmq_errno() == EINTR {} }
}

/// One thread uses it at a time.
final class Socket: @unchecked Sendable {
    enum Kind { case router, dealer }

    /// What a socket demands of those at its other end.
    enum Lock {
        case none
        /// Only whoever has the keys may connect; the authenticator of the context asks.
        case server(SystemKeys)
        case client(SystemKeys)
        /// Nothing is encrypted, but only who calls itself as the authenticator expects may connect.
        case plainServer
        case plainClient(token: [UInt8])
    }

    /// Whoever comes in and says nothing is shown out after so long; at a door where anybody may say the first words
    /// sooner, for each of them takes 16 KiB until then.
    private static let handshakeMilliseconds: Int32 = 5_000
    static let plainHandshakeMilliseconds: Int32 = 2_000
    private static let zapDomain = Array("daft".utf8)

    /// A message that is longer than this is a stranger's; the connection is cut.
    static let longestMessageBytes = 4 << 20

    let handle: UnsafeMutableRawPointer
    // Outlives the socket.
    private let context: Context
    private var isOpen = true
    private let isPlain: Bool

    /// What was sent when it is closed has `lingerMilliseconds` to leave.
    init(
        _ kind: Kind, in context: Context, lingerMilliseconds: Int32, lock: Lock = .none,
        longestMessageBytes: Int = Socket.longestMessageBytes
    ) throws(ZMQError) {
        guard let handle = zmq_socket(context.handle, kind.number) else { throw ZMQError("zmq_socket") }
        (self.handle, self.context) = (handle, context)
        if case .plainServer = lock { isPlain = true } else { isPlain = false }
        try set(ZMQ_LINGER, lingerMilliseconds)
        try set(ZMQ_MAXMSGSIZE, Int64(longestMessageBytes))
        // What is under way is bounded by those who send it.
        try set(ZMQ_SNDHWM, Int32(0))
        try apply(lock)
        // Whoever is not there any more is an error, not nobody.
        if kind == .router { try set(ZMQ_ROUTER_MANDATORY, Int32(1)) }
    }

    deinit { close() }

    /// What was sent may still leave; nothing may be done with it afterwards.
    func close() {
        if isOpen { zmq_close(handle) }
        isOpen = false
    }

    /// Closes it, and what was sent but has not left is not to leave any more.
    func drop() {
        try? set(ZMQ_LINGER, Int32(0))
        close()
    }

    private func apply(_ lock: Lock) throws(ZMQError) {
        switch lock {
        case .none: break
        case .server(let keys):
            try set(ZMQ_CURVE_SERVER, Int32(1))
            try set(ZMQ_CURVE_SECRETKEY, keys.secretKey)
            try set(ZMQ_ZAP_DOMAIN, Socket.zapDomain)
        case .client(let keys):
            try set(ZMQ_CURVE_SERVERKEY, keys.publicKey)
            try set(ZMQ_CURVE_PUBLICKEY, keys.publicKey)
            try set(ZMQ_CURVE_SECRETKEY, keys.secretKey)
        case .plainServer:
            try set(ZMQ_PLAIN_SERVER, Int32(1))
            try set(ZMQ_ZAP_DOMAIN, Socket.zapDomain)
        case .plainClient(let token):
            try set(ZMQ_PLAIN_USERNAME, Socket.zapDomain)
            try set(ZMQ_PLAIN_PASSWORD, token)
        }
    }

    /// What the other end knows this one by.
    func name(_ identity: [UInt8]) throws(ZMQError) { try set(ZMQ_ROUTING_ID, identity) }

    /// A second one who comes under the same name takes the place of the first.
    func allowHandover() throws(ZMQError) { try set(ZMQ_ROUTER_HANDOVER, Int32(1)) }

    /// On a local socket that listens, only these users are taken in: the kernel says who connects.
    func admit(_ users: Set<UInt32>) throws(ZMQError) {
        for user in users { try set(ZMQ_IPC_FILTER_UID, user) }
    }

    /// The same where `port` is 0, at the first free port of `range`.
    func listen(port: UInt16, of range: PortRange?) throws(ZMQError) -> UInt16 {
        guard port == 0, let range else { return try listen(port: port) }
        for candidate in range.ports.dropLast() {
            do throws(ZMQError) { return try listen(port: candidate) } catch {
                if error.code != EADDRINUSE { throw error }
            }
        }
        return try listen(port: range.ports.upperBound)
    }

    /// Listens on every address of this node; the port. Any port where `port` is 0.
    func listen(port: UInt16) throws(ZMQError) -> UInt16 {
        let wish = port == 0 ? "*" : "\(port)"
        try set(ZMQ_HANDSHAKE_IVL, isPlain ? Socket.plainHandshakeMilliseconds : Socket.handshakeMilliseconds)
        try set(ZMQ_IPV6, Int32(1))
        // A node may have no IPv6 at all.
        if zmq_bind(handle, "tcp://*:\(wish)") != 0 {
            try set(ZMQ_IPV6, Int32(0))
            try bind("tcp://*:\(wish)")
        }
        var text = [UInt8](repeating: 0, count: 256)
        var length = text.count
        if zmq_getsockopt(handle, ZMQ_LAST_ENDPOINT, &text, &length) != 0 { throw ZMQError("zmq_getsockopt") }
        let digits = text[..<max(0, length - 1)].reversed().prefix { $0 != UInt8(ascii: ":") }
        return UInt16(String(decoding: digits.reversed(), as: UTF8.self)) ?? 0
    }

    /// Connects, and again and again where that breaks.
    func connect(to address: String, port: UInt16) throws(ZMQError) {
        try set(ZMQ_IPV6, Int32(1))
        try set(ZMQ_RECONNECT_IVL, Int32(100))
        try set(ZMQ_RECONNECT_IVL_MAX, Int32(1_000))
        try connect("tcp://" + (address.contains(":") ? "[\(address)]" : address) + ":\(port)")
    }

    func bind(_ endpoint: String) throws(ZMQError) {
        if zmq_bind(handle, endpoint) != 0 { throw ZMQError("zmq_bind") }
    }

    func connect(_ endpoint: String) throws(ZMQError) {
        if zmq_connect(handle, endpoint) != 0 { throw ZMQError("zmq_connect") }
    }

    /// Of a socket that connects: it was turned away, and does not come again by itself.
    var isRefused: Bool {
        var events: Int32 = 0
        var size = MemoryLayout<Int32>.size
        return zmq_getsockopt(handle, ZMQ_EVENTS, &events, &size) == 0 && events & ZMQ_POLLOUT == 0
    }

    /// Sends one message of several parts.
    func send(_ parts: [[UInt8]]) throws(ZMQError) {
        for (index, part) in parts.enumerated() {
            let flags = ZMQ_DONTWAIT | (index < parts.count - 1 ? ZMQ_SNDMORE : 0)
            let count = part.withUnsafeBytes { zmq_send(handle, $0.baseAddress, $0.count, flags) }
            if count < 0 { throw ZMQError("zmq_send") }
        }
    }

    /// The parts of one message; nil where none has come. Of a message of more parts the first ones.
    func receive(most: Int = 3) throws(ZMQError) -> [[UInt8]]? {
        var parts: [[UInt8]] = []
        while true {
            guard let (part, isLast) = try receivePart({ Array($0) }) else { return nil }
            if parts.count < most { parts.append(part) }
            if isLast { return parts }
        }
    }

    /// A message of two parts, and the address it came from.
    func receiveWithAddress() throws(ZMQError) -> (name: [UInt8], bytes: [UInt8], address: String)?? {
        guard let first = try receivePart({ Array($0) }) else { return nil }
        if first.isLast { return .some(nil) }
        let second = try receiveMessage { message in
            let bytes = UnsafeRawBufferPointer(start: zmq_msg_data(message), count: zmq_msg_size(message))
            return (Array(bytes), zmq_msg_gets(message, "Peer-Address").map { String(cString: $0) } ?? "")
        }
        guard let second else { return .some(nil) }
        var isLast = second.isLast
        while !isLast { isLast = try receivePart { _ in }?.isLast ?? true }
        return (first.part, second.part.0, second.part.1)
    }

    /// Lends out one part; nil where none has come.
    func receivePart<T>(_ take: (UnsafeRawBufferPointer) -> T) throws(ZMQError) -> (part: T, isLast: Bool)? {
        try receiveMessage { take(UnsafeRawBufferPointer(start: zmq_msg_data($0), count: zmq_msg_size($0))) }
    }

    private func receiveMessage<T>(
        _ take: (UnsafeMutablePointer<zmq_msg_t>) -> T
    ) throws(ZMQError) -> (part: T, isLast: Bool)? {
        var message = zmq_msg_t()
        let result: Result<(part: T, isLast: Bool)?, ZMQError> = withUnsafeMutablePointer(to: &message) { message in
            zmq_msg_init(message)
            defer { zmq_msg_close(message) }
            while zmq_msg_recv(message, handle, ZMQ_DONTWAIT) < 0 {
                if zmq_errno() == EAGAIN { return .success(nil) }
                if zmq_errno() != EINTR { return .failure(ZMQError("zmq_msg_recv")) }
            }
            return .success((take(message), zmq_msg_more(message) == 0))
        }
        return try result.get()
    }

    private func set(_ option: Int32, _ bytes: [UInt8]) throws(ZMQError) {
        if zmq_setsockopt(handle, option, bytes, bytes.count) != 0 { throw ZMQError("zmq_setsockopt") }
    }

    private func set<T: FixedWidthInteger>(_ option: Int32, _ value: T) throws(ZMQError) {
        var value = value
        if zmq_setsockopt(handle, option, &value, MemoryLayout<T>.size) != 0 { throw ZMQError("zmq_setsockopt") }
    }
}

extension Socket.Kind {
    fileprivate var number: Int32 {
        switch self {
        case .router: ZMQ_ROUTER
        case .dealer: ZMQ_DEALER
        }
    }
}

/// Waits until the socket may have a message, `waker` is called, or the time is over; without a time, for ever.
func wait(for socket: Socket, or waker: Waker, milliseconds: Int?) {
    var items = [
        zmq_pollitem_t(socket: socket.handle, fd: 0, events: Int16(ZMQ_POLLIN), revents: 0),
        zmq_pollitem_t(socket: nil, fd: waker.file, events: Int16(ZMQ_POLLIN), revents: 0),
    ]
    _ = zmq_poll(&items, 2, milliseconds ?? -1)
    if items[1].revents != 0 { waker.rest() }
}

/// Wakes a thread that waits for a socket; any thread may.
final class Waker: Sendable {
    /// Has something to read once it was called.
    let file: Int32
    private let other: Int32

    init() {
        var pipes: [Int32] = [-1, -1]
        pipe(&pipes)
        for end in pipes {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        (file, other) = (pipes[0], pipes[1])
    }

    deinit {
        close(file)
        close(other)
    }

    func call() {
        var byte: UInt8 = 0
        _ = write(other, &byte, 1)
    }

    fileprivate func rest() {
        var bytes = [UInt8](repeating: 0, count: 256)
        while read(file, &bytes, bytes.count) == bytes.count {}
    }
}
