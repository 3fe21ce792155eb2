// The client side of a door: submits one command, sends heartbeats while it runs, and receives its output with flow
// control.

import DaftCommand
import DaftLink
import DaftModel
import Glibc

public final class DoorClient: @unchecked Sendable {
    public enum Event: Sendable {
        case output([UInt8])
        case errors([UInt8])
        case end(status: Int32)
        case refused(Failure)
    }

    /// Timeouts of a client.
    public struct Patience: Sendable {
        public var beatMilliseconds = 500
        /// After this long without a message, checks whether the server still exists.
        public var doubtMilliseconds = 1_500
        /// A door that is silent for this long is given up.
        public var silenceMilliseconds = 5_000

        public init() {}
    }

    /// Pause between attempts to connect.
    private static let retryMilliseconds = 20
    /// Credit is returned in units of at least this size.
    static let creditUnitBytes = ClientMessage.initialCreditBytes / 8

    private let address: DoorAddress
    private let patience: Patience
    private let waker = Waker()
    private let latch = Latch()
    private var thread: OwnThread?
    // Guarded by the latch.
    private var events: [Event] = []
    private var outgoing: [ClientMessage]
    private var isClosed = false
    // Used only by the caller of `next`.
    private var consumed = 0

    public init(at address: DoorAddress, _ command: DoorCommand, _ patience: Patience = Patience()) {
        self.address = address
        self.patience = patience
        outgoing = [.begin(command)]
        thread = OwnThread("daft-door") { [unowned self] in run() }
    }

    /// Call once at the end.
    public func close() {
        latch.locked { isClosed = true }
        waker.call()
        thread?.join()
        thread = nil
    }

    /// Blocks until the next message. Calling it returns the credit of the previous one. Nothing follows an end or
    /// refusal.
    public func next() -> Event {
        if consumed >= DoorClient.creditUnitBytes {
            send(.credit(bytes: UInt32(consumed)))
            consumed = 0
        }
        let one = latch.locked {
            while events.isEmpty { latch.wait(until: nil) }
            return events.removeFirst()
        }
        switch one {
        case .output(let bytes), .errors(let bytes): consumed += bytes.count + ClientMessage.pieceOverheadBytes
        case .end, .refused: break
        }
        return one
    }

    public func signal(_ number: Int32) { send(.signal(UInt8(truncatingIfNeeded: number))) }

    /// Standard output is closed: stop sending it.
    public func closeOutput() { send(.outputClosed) }

    private func send(_ message: ClientMessage) {
        latch.locked { outgoing.append(message) }
        waker.call()
    }

    private func deliver(_ one: Event) {
        latch.locked {
            events.append(one)
            latch.wakeAll()
        }
    }

    // MARK: on the thread

    private func run() {
        var silence = SilenceTimer()
        var nextBeat = after(patience.beatMilliseconds)
        var stream: DoorStream?
        while !latch.locked({ isClosed }) {
            if stream == nil, case .connected(let file) = address.connect() { stream = DoorStream(file) }
            do throws(DoorStream.Trouble) {
                if let stream { for message in taken() { stream.send(message.encoded) } }
                waker.wait(for: stream, milliseconds: stream == nil ? DoorClient.retryMilliseconds : pause)
                let hasCome = if let stream { try take(from: stream) } else { false }
                silence.note(hasCome: hasCome)
                if monotonicNow() < nextBeat { continue }
                nextBeat = after(patience.beatMilliseconds)
                stream?.send(ClientMessage.alive.encoded)
            } catch {
                return deliver(.refused(error == .broken ? DoorClient.gone : DoorClient.otherVersion))
            }
            if let failure = failure(after: silence.milliseconds) { return deliver(.refused(failure)) }
        }
    }

    private var pause: Int { patience.beatMilliseconds / 2 }

    private func taken() -> [ClientMessage] {
        latch.locked {
            defer { outgoing = [] }
            return outgoing
        }
    }

    private func failure(after silence: Int) -> Failure? {
        if silence > patience.silenceMilliseconds {
            return Failure(.unreachable, [], "nothing was heard of the data server for some seconds")
        }
        return silence > patience.doubtMilliseconds && !address.isOpen ? DoorClient.gone : nil
    }

    private static let gone = Failure(.unreachable, [], "the data server is gone")
    private static let otherVersion = Failure(.malformed, [], "the door belongs to another version of daft")

    /// Returns whether anything arrived.
    private func take(from stream: DoorStream) throws(DoorStream.Trouble) -> Bool {
        stream.flush()
        var hasCome = false
        while let bytes = try stream.receive() {
            hasCome = true
            // Not of this version, whatever is wrong with it.
            guard let message = DoorMessage(ifDecodable: bytes) else { throw .malformed }
            switch message {
            case .output(let bytes): deliver(.output(bytes))
            case .errors(let bytes): deliver(.errors(bytes))
            case .end(let status): deliver(.end(status: Int32(status)))
            case .refused(let failure): deliver(.refused(failure))
            case .alive: break
            }
        }
        return hasCome
    }
}

/// Measures silence, excluding time in which this process was suspended.
private struct SilenceTimer {
    private static let standstillMilliseconds = 1_000
    private var lastMessage = monotonicNow()
    private var lastCheck = monotonicNow()

    var milliseconds: Int { Int((lastCheck - lastMessage) / 1_000_000) }

    mutating func note(hasCome: Bool) {
        let now = monotonicNow()
        if hasCome || now > lastCheck + Nanoseconds(SilenceTimer.standstillMilliseconds) * 1_000_000 {
            lastMessage = now
        }
        lastCheck = now
    }
}

private func after(_ milliseconds: Int) -> Nanoseconds { monotonicNow() + Nanoseconds(milliseconds) * 1_000_000 }
