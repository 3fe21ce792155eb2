// The ZAP authenticator, asked by libzmq at each handshake. Encrypted sockets admit only the system's own key; an
// unencrypted bulk socket admits only names that a rank has announced over an encrypted connection. Other connections
// get no answer and time out.

import DaftLink
import DaftWire

final class ZAPAuthenticator {
    private struct Question {
        /// The reply's envelope, which identifies the handshake.
        let envelope: [[UInt8]]
        let token: [UInt8]
        let since: Nanoseconds
    }

    private static let endpoint = "inproc://zeromq.zap.01"
    /// The handshake's timeout.
    private static let patience = Nanoseconds(Socket.plainHandshakeMilliseconds) * 1_000_000
    /// Bounds libzmq's memory for pending handshakes.
    private static let mostWaiting = 64

    let socket: Socket
    private let keys: SystemKeys
    /// Unknown names; the message that announces them may still be on its way.
    private var waiting: [Question] = []

    /// Create it before any socket of the context listens.
    init(_ keys: SystemKeys, in context: Context) throws(ZMQError) {
        self.keys = keys
        socket = try Socket(.router, in: context, lingerMilliseconds: 0)
        try socket.bind(ZAPAuthenticator.endpoint)
    }

    /// Handles one request; false if there is none. `isExpected`: whether that name has been announced.
    func answer(_ isExpected: ([UInt8]) -> Bool) throws(ZMQError) -> Bool {
        // Parts: routing id, empty, version, request number, domain, address, identity, mechanism, and credentials: a
        // key, or a user and a password.
        guard let parts = try socket.receive(most: 10) else { return false }
        guard parts.count >= 4 else { return true }
        let envelope = Array(parts[..<4])
        if parts.count == 10, parts[7] == Array("PLAIN".utf8) {
            let question = Question(envelope: envelope, token: parts[9], since: monotonicNow())
            if isExpected(question.token) { return admit(question) }
            waiting.append(question)
            if waiting.count > ZAPAuthenticator.mostWaiting { reply("400", waiting.removeFirst().envelope) }
            return true
        }
        let isKnown = parts.count == 9 && parts[7] == Array("CURVE".utf8) && parts[8] == keys.publicKey
        reply(isKnown ? "200" : "400", envelope)
        return true
    }

    /// Admits names announced meanwhile. Others get no reply: a client that came too early retries after the timeout,
    /// but not after a refusal (`Socket.isRefused`).
    func review(_ isExpected: ([UInt8]) -> Bool) {
        if waiting.isEmpty { return }
        let now = monotonicNow()
        waiting.removeAll { question in
            isExpected(question.token) ? admit(question) : now >= question.since + ZAPAuthenticator.patience
        }
    }

    private func admit(_ question: Question) -> Bool {
        reply("200", question.envelope)
        return true
    }

    /// Replies; a handshake that has timed out ignores it, and a peer that gets no reply begins its handshake again.
    private func reply(_ status: String, _ envelope: [[UInt8]]) {
        try? socket.send(envelope + [Array(status.utf8), [], [], []])
    }
}
