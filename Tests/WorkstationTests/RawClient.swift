// A stranger without keys on another host: raw connections and ZeroMQ clients.

import CZMQ
import Foundation
import Glibc
import TestBox

struct RawClient: Sendable {
    /// The process whose network namespace is used.
    let home: pid_t
    let address: String
    let port: UInt16

    /// ZeroMQ's greeting to any connection.
    static let greetingBytes = 64
    /// CURVE's reply to a hello, for which the public key suffices.
    static let welcomeBytes = 170
    /// READY of a socket without keys, after the greeting.
    static let readyBytes = 64

    /// Sends `bytes` over connections one after another; returns the longest reply.
    func send(_ bytes: Data, times: Int, listenMilliseconds: Int32 = 20) throws -> Data {
        try inNetwork(of: home) {
            var longest = Data()
            for _ in 0..<times {
                let file = try connected()
                defer { close(file) }
                _ = bytes.withUnsafeBytes { Glibc.send(file, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
                let received = receive(file, milliseconds: listenMilliseconds)
                if received.count > longest.count { longest = received }
            }
            return longest
        }
    }

    /// Connections that send `bytes` and then stay silent.
    func keepSilent(after bytes: Data, connections: Int) throws -> [Int32] {
        try inNetwork(of: home) {
            try (0..<connections).map { _ in
                let file = try connected()
                _ = bytes.withUnsafeBytes { Glibc.send(file, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
                return file
            }
        }
    }

    private func connected() throws -> Int32 {
        let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var endpoint = sockaddr_in()
        endpoint.sin_family = sa_family_t(AF_INET)
        endpoint.sin_port = port.bigEndian
        endpoint.sin_addr.s_addr = inet_addr(address)
        let code = withUnsafePointer(to: &endpoint) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(file, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard code == 0 else {
            close(file)
            throw NoBox(program: "\(address):\(port)", reason: String(cString: strerror(errno)))
        }
        return file
    }

    /// Reads until a pause of this length or the end.
    private func receive(_ file: Int32, milliseconds: Int32) -> Data {
        var received = Data()
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            var one = pollfd(fd: file, events: Int16(POLLIN), revents: 0)
            guard poll(&one, 1, milliseconds) > 0 else { return received }
            let count = recv(file, &buffer, buffer.count, 0)
            guard count > 0 else { return received }
            received += buffer[..<count]
        }
    }

    // MARK: ZeroMQ clients

    enum Keys: Sendable {
        case none
        /// A new key pair with the server's public key, which should be unknown.
        case fresh(server: [UInt8])
    }

    /// How many of these clients, each sending a message, receive anything.
    func ask(_ keys: Keys, clients: Int, named name: [UInt8]) throws -> Int {
        try inNetwork(of: home) {
            let context = zmq_ctx_new()
            defer { zmq_ctx_term(context) }
            let sockets = (0..<clients).map { _ in client(keys, name, context) }
            defer { for socket in sockets { zmq_close(socket) } }
            for socket in sockets {
                for word in ["", "ls", String(repeating: "x", count: 1_000)] {
                    zmq_send(socket, word, word.utf8.count, 1)
                }
            }
            usleep(500_000)
            return sockets.count { socket in
                var bytes = [UInt8](repeating: 0, count: 1_024)
                return zmq_recv(socket, &bytes, bytes.count, ZMQ_DONTWAIT) >= 0
            }
        }
    }

    private func client(_ keys: Keys, _ name: [UInt8], _ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer?
    {
        let socket = zmq_socket(context, ZMQ_DEALER)
        var linger: Int32 = 0
        zmq_setsockopt(socket, ZMQ_LINGER, &linger, 4)
        if !name.isEmpty { zmq_setsockopt(socket, ZMQ_ROUTING_ID, name, name.count) }
        if case .fresh(let server) = keys {
            var (open, secret) = ([CChar](repeating: 0, count: 41), [CChar](repeating: 0, count: 41))
            zmq_curve_keypair(&open, &secret)
            zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server, server.count)
            zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, open, 41)
            zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret, 41)
        }
        zmq_connect(socket, "tcp://\(address):\(port)")
        return socket
    }
}
