// Who may connect: libzmq asks at each handshake, and only those that have the system's own key are let in. Strangers
// get no answer at all.

import DaftCore

struct Sentry {
    private static let endpoint = "inproc://zeromq.zap.01"

    let socket: Socket
    private let keys: SystemKeys

    /// To be made before any socket of the context listens.
    init(_ keys: SystemKeys, in context: Context) throws(ZMQError) {
        self.keys = keys
        socket = try Socket(.reply, in: context, lingerMilliseconds: 0)
        try socket.bind(Sentry.endpoint)
    }

    /// Answers one question; false where there is none.
    func answer() throws(ZMQError) -> Bool {
        // Version, number, domain, address, identity, mechanism, and the key of whoever wants to come in.
        guard let parts = try socket.receive(most: 8) else { return false }
        guard parts.count >= 2 else { return true }
        let isKnown = parts.count == 7 && parts[5] == Array("CURVE".utf8) && parts[6] == keys.publicKey
        let words = [parts[0], parts[1], Array((isKnown ? "200" : "400").utf8), [], [], []]
        try socket.send(words)
        return true
    }
}
