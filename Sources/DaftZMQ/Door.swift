// A door: the local socket where clients submit commands. One thread owns the socket; it starts commands, some at once
// and the rest queued, forwards their output, and drops clients that have been silent too long.

import DaftCommand
import DaftLink
import DaftModel
import Glibc
import Synchronization

public final class Door: Sendable {
    /// Timeouts and limits of a door.
    public struct Patience: Sendable {
        public var beatMilliseconds = 1_000
        /// A client that is silent for this long is dropped.
        public var silenceMilliseconds = 5_000
        /// Time for commands to end when the door is closed.
        public var closingMilliseconds = 2_000
        /// Further clients queue, since each may hold memory indefinitely.
        public var concurrentCommands = 32
        /// A client queued for this long is told why.
        public var waitMilliseconds = 10_000
        /// Limits of the queue, in clients and in bytes of commands; further clients are refused.
        public var queuedClients = 4_096
        public var queuedBytes = 32 << 20

        public init() {}
    }

    private struct State {
        var socket: Socket?
        var thread: OwnThread?
        var closing: UnsafeContinuation<Void, Never>?
        var isClosing = false
    }

    private let patience: Patience
    private let address: DoorAddress
    private let waker = Waker()
    private let state: Mutex<State>

    /// Binds the door in `directory`, replacing a stale socket. Clients wait until the door is opened.
    public init(in directory: [UInt8], _ patience: Patience = Patience(), group: UInt32? = nil) throws(Failure) {
        self.patience = patience
        address = try DoorAddress(in: directory, group: group)
        do throws(ZMQError) {
            let socket = try Socket(.router, in: try Context(), lingerMilliseconds: 500)
            // Root may use any door, and could become its owner anyway.
            try socket.admit([geteuid(), 0])
            try socket.bind(address.endpoint)
            chmod(address.path, 0o600)
            state = Mutex(State(socket: socket))
        } catch {
            throw Failure(.failed, directory + Array("/door".utf8), error.reason)
        }
    }

    /// Passes each command to `perform`, which must return at once and end the session eventually.
    public func open(_ perform: @escaping @Sendable (DoorSession) -> Void) {
        state.withLock { state in
            guard let socket = state.socket else { return }
            state.socket = nil
            state.thread = OwnThread("daft-door") { [self] in
                let rounds = DoorLoop(socket, waker, patience, perform)
                rounds.run { [self] in self.state.withLock { $0.isClosing } }
                unlink(address.path)
                self.state.withLock { $0.closing }?.resume()
            }
        }
    }

    /// Accepts no more commands, ends the running ones, and waits for them with a timeout.
    public func close() async {
        let thread = state.withLock { state in
            defer { (state.thread, state.socket) = (nil, nil) }
            return state.thread
        }
        guard let thread else { return }
        await withUnsafeContinuation { continuation in
            state.withLock { state in
                state.isClosing = true
                state.closing = continuation
            }
            waker.call()
        }
        thread.join()
    }
}

/// The event loop of the door's thread.
private final class DoorLoop {
    private struct Client {
        let doorSession: DoorSession
        let since = monotonicNow()
        var lastMessage = monotonicNow()
        var isGone = false
        var isWaitReported = false

        init(_ doorSession: DoorSession) { self.doorSession = doorSession }
    }

    private static let messagesAtOnce = 100

    private let socket: Socket
    private let waker: Waker
    private let patience: Door.Patience
    private let perform: @Sendable (DoorSession) -> Void
    private var clients: [[UInt8]: Client] = [:]
    /// Queued clients, first come first served.
    private var queue: [(client: [UInt8], bytes: Int)] = []
    private var nextBeat: Nanoseconds = 0
    private var lastBeat: Nanoseconds = 0
    private var closingDeadline: Nanoseconds?

    init(
        _ socket: Socket, _ waker: Waker, _ patience: Door.Patience,
        _ perform: @escaping @Sendable (DoorSession) -> Void
    ) {
        self.socket = socket
        self.waker = waker
        self.patience = patience
        self.perform = perform
    }

    func run(until isClosing: () -> Bool) {
        while true {
            wait(
                for: socket, or: waker,
                milliseconds: clients.isEmpty && !isClosing() ? nil : patience.beatMilliseconds / 2)
            takeMessages()
            for (client, entry) in clients { forward(entry.doorSession, to: client) }
            startQueued()
            let now = monotonicNow()
            if now >= nextBeat { beat(now) }
            guard isClosing() else { continue }
            if closingDeadline == nil { beginClosing(now) }
            if let closingDeadline, clients.isEmpty || now >= closingDeadline { break }
        }
        for client in clients.keys { refuse(client, .unreachable, "the daft that served it has ended") }
    }

    private func beginClosing(_ now: Nanoseconds) {
        closingDeadline = now + Nanoseconds(patience.closingMilliseconds) * 1_000_000
        for (client, _) in queue {
            refuse(client, .unreachable, "the daft of this node is ending")
            clients[client] = nil
        }
        queue = []
        for entry in clients.values { entry.doorSession.close() }
    }

    private func beat(_ now: Nanoseconds) {
        nextBeat = now + Nanoseconds(patience.beatMilliseconds) * 1_000_000
        let longest = Nanoseconds(patience.silenceMilliseconds) * 1_000_000
        defer { lastBeat = now }
        // Do not blame clients for a period in which this process was suspended.
        if now > lastBeat + longest / 2 { return }
        for (client, entry) in clients where !entry.isGone {
            if now > entry.lastMessage + longest {
                refuse(client, .stopped, "given up, since nothing was heard of this client for long")
                drop(client)
            } else {
                send(.alive, to: client)
            }
        }
        for one in queue { explain(to: one.client, now) }
    }

    private func explain(to client: [UInt8], _ now: Nanoseconds) {
        guard let entry = clients[client], !entry.isWaitReported, !entry.doorSession.command.style.quiet else { return }
        guard now > entry.since + Nanoseconds(patience.waitMilliseconds) * 1_000_000 else { return }
        clients[client]?.isWaitReported = true
        let text = "daft: waiting: \(patience.concurrentCommands) commands run here already\n"
        _ = Array(text.utf8).withUnsafeBytes { entry.doorSession.write($0, asErrors: true) }
    }

    private func drop(_ client: [UInt8]) {
        clients[client]?.isGone = true
        clients[client]?.doorSession.disconnect()
        leaveQueue(client, by: SIGHUP)
    }

    private func end(_ client: [UInt8], by signal: Int32) {
        clients[client]?.doorSession.end(by: signal)
        leaveQueue(client, by: signal)
    }

    /// A queued command ends as if by a signal.
    private func leaveQueue(_ client: [UInt8], by signal: Int32) {
        guard let index = queue.firstIndex(where: { $0.client == client }) else { return }
        queue.remove(at: index)
        clients[client]?.doorSession.end(128 + signal)
    }

    // MARK: messages from clients

    /// A broken socket counts as silent: its clients miss the heartbeats and report that.
    private func takeMessages() {
        for _ in 0..<DoorLoop.messagesAtOnce {
            guard let parts = try? socket.receive() else { return }
            // The socket prepends the client's name.
            if parts.count == 2 { take(parts[1], from: parts[0]) }
        }
        waker.call()
    }

    private func take(_ bytes: [UInt8], from client: [UInt8]) {
        do throws(Malformed) {
            let message = try ClientMessage(decoding: bytes)
            clients[client]?.lastMessage = monotonicNow()
            try take(message, of: bytes.count, from: client)
        } catch {
            refuse(client, .malformed, "this is nothing to say at a door: \(error.what) at \(error.offset)")
            drop(client)
        }
    }

    private func take(_ message: ClientMessage, of bytes: Int, from client: [UInt8]) throws(Malformed) {
        let doorSession = clients[client]?.doorSession
        switch message {
        case .begin(let command): begin(command, of: bytes, for: client)
        case .credit(let bytes):
            if let doorSession, !doorSession.grant(credit: Int(bytes)) {
                throw Malformed("room that was taken before", at: 2)
            }
        case .signal(let number):
            guard [SIGINT, SIGTERM, SIGHUP].contains(Int32(number)) else { throw Malformed("a signal to end", at: 2) }
            end(client, by: Int32(number))
        case .outputClosed: doorSession?.closeOutput()
        case .alive: break
        }
    }

    private func begin(_ command: DoorCommand, of bytes: Int, for client: [UInt8]) {
        if clients[client] != nil { return refuse(client, .failed, "one command at a time") }
        if closingDeadline != nil { return refuse(client, .unreachable, "the daft of this node is ending") }
        let queuedBytes = queue.reduce(bytes) { $0 + $1.bytes }
        if queue.count >= patience.queuedClients || queuedBytes > patience.queuedBytes {
            return refuse(client, .failed, "\(clients.count) commands run or wait here already: try again later")
        }
        clients[client] = Client(DoorSession(command, waker))
        queue.append((client, bytes))
        send(.alive, to: client)
        startQueued()
    }

    /// Starts queued commands while there are free slots.
    private func startQueued() {
        while let first = queue.first, clients.count - queue.count < patience.concurrentCommands {
            queue.removeFirst()
            if let doorSession = clients[first.client]?.doorSession { perform(doorSession) }
        }
    }

    // MARK: messages to clients

    private func forward(_ doorSession: DoorSession, to client: [UInt8]) {
        let (pieces, status) = doorSession.taken()
        for piece in pieces { send(piece, to: client) }
        guard let status else { return }
        send(.end(status: UInt8(truncatingIfNeeded: status)), to: client)
        clients[client] = nil
    }

    private func refuse(_ client: [UInt8], _ kind: Failure.Kind, _ reason: String) {
        send(.refused(Failure(kind, [], reason)), to: client)
    }

    /// A client that cannot be sent to is gone.
    private func send(_ message: DoorMessage, to client: [UInt8]) {
        if clients[client]?.isGone ?? false { return }
        do throws(ZMQError) { try socket.send([client, message.encoded]) } catch { drop(client) }
    }
}
