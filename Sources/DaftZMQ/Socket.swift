// libzmq in Swift words: a context, sockets that send and receive whole messages without waiting, one error.

import CZMQ
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

    /// A message that is longer than this is a stranger's; the connection is cut.
    static let longestMessageBytes = 4 << 20

    fileprivate let handle: UnsafeMutableRawPointer
    // Outlives the socket.
    private let context: Context

    /// What was sent when it is closed has `lingerMilliseconds` to leave.
    init(_ kind: Kind, in context: Context, lingerMilliseconds: Int32) throws(ZMQError) {
        guard let handle = zmq_socket(context.handle, kind == .router ? ZMQ_ROUTER : ZMQ_DEALER) else {
            throw ZMQError("zmq_socket")
        }
        (self.handle, self.context) = (handle, context)
        try set(ZMQ_LINGER, lingerMilliseconds)
        try set(ZMQ_MAXMSGSIZE, Int64(Socket.longestMessageBytes))
        // What is under way is bounded by those who send it.
        try set(ZMQ_SNDHWM, Int32(0))
        // Whoever is not there any more is an error, not nobody.
        if kind == .router { try set(ZMQ_ROUTER_MANDATORY, Int32(1)) }
    }

    deinit { zmq_close(handle) }

    func bind(_ endpoint: String) throws(ZMQError) {
        if zmq_bind(handle, endpoint) != 0 { throw ZMQError("zmq_bind") }
    }

    func connect(_ endpoint: String) throws(ZMQError) {
        if zmq_connect(handle, endpoint) != 0 { throw ZMQError("zmq_connect") }
    }

    /// Sends one message of several parts.
    func send(_ parts: [[UInt8]]) throws(ZMQError) {
        for (index, part) in parts.enumerated() {
            let flags = ZMQ_DONTWAIT | (index < parts.count - 1 ? ZMQ_SNDMORE : 0)
            let count = part.withUnsafeBytes { zmq_send(handle, $0.baseAddress, $0.count, flags) }
            if count < 0 { throw ZMQError("zmq_send") }
        }
    }

    /// The parts of one message; nil where none has come. Of a message of many parts the first ones.
    func receive() throws(ZMQError) -> [[UInt8]]? {
        var parts: [[UInt8]] = []
        while true {
            guard let (part, isLast) = try receivePart() else { return nil }
            if parts.count < 3 { parts.append(part) }
            if isLast { return parts }
        }
    }

    private func receivePart() throws(ZMQError) -> (part: [UInt8], isLast: Bool)? {
        var message = zmq_msg_t()
        let result: Result<(part: [UInt8], isLast: Bool)?, ZMQError> = withUnsafeMutablePointer(to: &message) {
            message in
            zmq_msg_init(message)
            defer { zmq_msg_close(message) }
            while zmq_msg_recv(message, handle, ZMQ_DONTWAIT) < 0 {
                if zmq_errno() == EAGAIN { return .success(nil) }
                if zmq_errno() != EINTR { return .failure(ZMQError("zmq_msg_recv")) }
            }
            let bytes = UnsafeRawBufferPointer(start: zmq_msg_data(message), count: zmq_msg_size(message))
            return .success((Array(bytes), zmq_msg_more(message) == 0))
        }
        return try result.get()
    }

    private func set<T: FixedWidthInteger>(_ option: Int32, _ value: T) throws(ZMQError) {
        var value = value
        if zmq_setsockopt(handle, option, &value, MemoryLayout<T>.size) != 0 { throw ZMQError("zmq_setsockopt") }
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
