// A thin wrapper of libzmq: contexts and non-blocking sockets with whole messages, and one error type.

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

/// Terminates when its last socket is closed and pending messages are sent or dropped.
final class Context: @unchecked Sendable {
    fileprivate let handle: UnsafeMutableRawPointer

    init() throws(ZMQError) {
        guard let handle = zmq_ctx_new() else { throw ZMQError("zmq_ctx_new") }
        self.handle = handle
    }

    deinit { while zmq_ctx_term(handle) != 0, zmq_errno() == EINTR {} }
}

/// Not thread-safe.
final class Socket: @unchecked Sendable {
    enum Kind { case router, dealer }

    /// Authentication and encryption of a socket.
    enum Lock {
        case none
        /// CURVE: only holders of the keys may connect; the context's authenticator decides.
        case server(SystemKeys)
        case client(SystemKeys)
        /// Unencrypted; only names that the authenticator expects may connect.
        case plainServer
        case plainClient(token: [UInt8])
    }

    /// Handshake timeout. Shorter for unauthenticated connections, each of which takes 16 KiB until then.
    private static let handshakeMilliseconds: Int32 = 5_000
    static let plainHandshakeMilliseconds: Int32 = 2_000
    private static let zapDomain = Array("daft".utf8)

    /// A longer message comes from a stranger; the connection is closed.
    static let longestMessageBytes = 4 << 20

    let handle: UnsafeMutableRawPointer
    // Must outlive the socket.
    private let context: Context
    private var isOpen = true
    private let isPlain: Bool

    /// After close, pending messages have `lingerMilliseconds` to leave.
    init(
        _ kind: Kind, in context: Context, lingerMilliseconds: Int32, lock: Lock = .none,
        longestMessageBytes: Int = Socket.longestMessageBytes
    ) throws(ZMQError) {
        guard let handle = zmq_socket(context.handle, kind.number) else { throw ZMQError("zmq_socket") }
        (self.handle, self.context) = (handle, context)
        if case .plainServer = lock { isPlain = true } else { isPlain = false }
        try set(ZMQ_LINGER, lingerMilliseconds)
        try set(ZMQ_MAXMSGSIZE, Int64(longestMessageBytes))
        // Unlimited: the senders bound what is in flight.
        try set(ZMQ_SNDHWM, Int32(0))
        try apply(lock)
        // Sending to an unknown peer must fail instead of dropping the message.
        if kind == .router { try set(ZMQ_ROUTER_MANDATORY, Int32(1)) }
    }

    deinit { close() }

    /// Pending messages may still leave; the socket must not be used afterwards.
    func close() {
        if isOpen { zmq_close(handle) }
        isOpen = false
    }

    /// Closes the socket and drops pending messages.
    func drop() {
        // Fails only on a closed socket.
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

    /// Sets the routing id seen by the other end.
    func name(_ identity: [UInt8]) throws(ZMQError) { try set(ZMQ_ROUTING_ID, identity) }

    /// A new connection with the same routing id replaces the old one.
    func allowHandover() throws(ZMQError) { try set(ZMQ_ROUTER_HANDOVER, Int32(1)) }

    /// On a local listening socket: accept only these users, by the kernel's peer credentials.
    func admit(_ users: Set<UInt32>) throws(ZMQError) {
        for user in users { try set(ZMQ_IPC_FILTER_UID, user) }
    }

    /// Listens on `port`; if 0, on the first free port of `range`.
    func listen(port: UInt16, of range: PortRange?) throws(ZMQError) -> UInt16 {
        guard port == 0, let range else { return try listen(port: port) }
        for candidate in range.ports.dropLast() {
            do throws(ZMQError) { return try listen(port: candidate) } catch {
                if error.code != EADDRINUSE { throw error }
            }
        }
        return try listen(port: range.ports.upperBound)
    }

    /// Listens on all addresses; returns the port. 0: any port.
    func listen(port: UInt16) throws(ZMQError) -> UInt16 {
        let wish = port == 0 ? "*" : "\(port)"
        try set(ZMQ_HANDSHAKE_IVL, isPlain ? Socket.plainHandshakeMilliseconds : Socket.handshakeMilliseconds)
        try set(ZMQ_IPV6, Int32(1))
        // The node may lack IPv6.
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

    /// Connects, and reconnects automatically.
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

    /// Of a connecting socket: the handshake was refused, and it will not retry.
    var isRefused: Bool {
        var events: Int32 = 0
        var size = MemoryLayout<Int32>.size
        return zmq_getsockopt(handle, ZMQ_EVENTS, &events, &size) == 0 && events & ZMQ_POLLOUT == 0
    }

    /// Sends one multipart message.
    func send(_ parts: [[UInt8]]) throws(ZMQError) {
        for (index, part) in parts.enumerated() {
            let flags = ZMQ_DONTWAIT | (index < parts.count - 1 ? ZMQ_SNDMORE : 0)
            let count = part.withUnsafeBytes { zmq_send(handle, $0.baseAddress, $0.count, flags) }
            if count < 0 { throw ZMQError("zmq_send") }
        }
    }

    /// Receives one message; nil if there is none. Parts beyond `most` are dropped.
    func receive(most: Int = 3) throws(ZMQError) -> [[UInt8]]? {
        var parts: [[UInt8]] = []
        while true {
            guard let (part, isLast) = try receivePart({ Array($0) }) else { return nil }
            if parts.count < most { parts.append(part) }
            if isLast { return parts }
        }
    }

    /// Receives a two-part message and its sender's address.
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

    /// Passes one part to `take`; nil if there is none.
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

/// Waits until the socket may be readable, `waker` is called, or the time is over; nil: no timeout.
func wait(for socket: Socket, or waker: Waker, milliseconds: Int?) {
    var items = [
        zmq_pollitem_t(socket: socket.handle, fd: 0, events: Int16(ZMQ_POLLIN), revents: 0),
        zmq_pollitem_t(socket: nil, fd: waker.file, events: Int16(ZMQ_POLLIN), revents: 0),
    ]
    _ = zmq_poll(&items, 2, milliseconds ?? -1)
    if items[1].revents != 0 { waker.rest() }
}

/// Wakes a thread that waits for a socket. Thread-safe.
final class Waker: Sendable {
    /// Readable once it was called.
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

    /// Waits until it is called, the stream can be read, or written where something is left to send, or the time is
    /// over.
    func wait(for stream: DoorStream?, milliseconds: Int) {
        let events = POLLIN | (stream?.isSending ?? false ? POLLOUT : 0)
        var files = [
            pollfd(fd: file, events: Int16(POLLIN), revents: 0),
            pollfd(fd: stream?.file ?? -1, events: Int16(events), revents: 0),
        ]
        _ = poll(&files, 2, Int32(milliseconds))
        if files[0].revents != 0 { rest() }
    }

    fileprivate func rest() {
        var bytes = [UInt8](repeating: 0, count: 256)
        while read(file, &bytes, bytes.count) == bytes.count {}
    }
}
