// Who may connect: libzmq asks at each handshake. At doors that are encrypted only those that have the system's own key
// are let in; at a door for bytes that is not, only who calls itself what a rank of the system has said, in secret,
// that it would. Strangers get no answer at all, and are shown out.

import DaftLink
import DaftWire

final class ZAPAuthenticator {
    private struct Question {
        /// What the answer begins with: which handshake it is of.
        let envelope: [[UInt8]]
        let token: [UInt8]
        let since: Nanoseconds
    }

    private static let endpoint = "inproc://zeromq.zap.01"
    /// Until its handshake is over.
    private static let patience = Nanoseconds(Socket.plainHandshakeMilliseconds) * 1_000_000
    /// Each of them holds some memory of libzmq's.
    private static let mostWaiting = 64

    let socket: Socket
    private let keys: SystemKeys
    /// Those that are not known yet: what makes them known may still be on its way.
    private var waiting: [Question] = []

    /// To be made before any socket of the context listens.
    init(_ keys: SystemKeys, in context: Context) throws(ZMQError) {
        self.keys = keys
        socket = try Socket(.router, in: context, lingerMilliseconds: 0)
        try socket.bind(ZAPAuthenticator.endpoint)
    }

    /// Answers one question; false where there is none. `isExpected`: whether somebody is to come under that name.
    func answer(_ isExpected: ([UInt8]) -> Bool) throws(ZMQError) -> Bool {
        // Whose handshake, nothing, version, number, domain, address, identity, mechanism, and who wants to come in: a
        // key, or a user and a password.
        guard let parts = try socket.receive(most: 10) else { return false }
        guard parts.count >= 4 else { return true }
        let envelope = Array(parts[..<4])
        if parts.count == 10, parts[7] == Array("PLAIN".utf8) {
            let question = Question(envelope: envelope, token: parts[9], since: monotonicNow())
            if isExpected(question.token) { return admit(question) }
            waiting.append(question)
            if waiting.count > ZAPAuthenticator.mostWaiting { say("400", waiting.removeFirst().envelope) }
            return true
        }
        let isKnown = parts.count == 9 && parts[7] == Array("CURVE".utf8) && parts[8] == keys.publicKey
        say(isKnown ? "200" : "400", envelope)
        return true
    }

    /// Lets in who has become known. The others are not told: their handshake ends by its deadline, and one of the
    /// system that came too early comes again by itself, as it does not where it was refused (`Socket.isRefused`).
    func review(_ isExpected: ([UInt8]) -> Bool) {
        if waiting.isEmpty { return }
        let now = monotonicNow()
        waiting.removeAll { question in
            isExpected(question.token) ? admit(question) : now >= question.since + ZAPAuthenticator.patience
        }
    }

    private func admit(_ question: Question) -> Bool {
        say("200", question.envelope)
        return true
    }

    /// A handshake that is over hears nothing.
    private func say(_ status: String, _ envelope: [[UInt8]]) {
        try? socket.send(envelope + [Array(status.utf8), [], [], []])
    }
}
