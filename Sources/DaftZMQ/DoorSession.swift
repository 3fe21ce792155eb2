// A client's command at a door, for whoever performs it: its request, flow-controlled output, and its signals.

import DaftCommand
import DaftLink
import Glibc

public final class DoorSession: @unchecked Sendable {
    /// The result of a write.
    public enum Written: Sendable {
        case done
        /// The client no longer reads.
        case gone
        /// The client requested an end while there was no credit.
        case stopped
    }

    static let pieceBytes = 64 << 10

    public let command: DoorCommand

    private let waker: Waker
    private let latch = Latch()
    // Guarded by the latch.
    private var credit = ClientMessage.initialCreditBytes
    private var pieces: [DoorMessage] = []
    private var isOutputClosed = false
    private var isGone = false
    private var isClosing = false
    private var signal: Int32?
    private var onSignal: (@Sendable (Int32) -> Void)?
    private var status: Int32?

    init(_ command: DoorCommand, _ waker: Waker) {
        self.command = command
        self.waker = waker
    }

    // MARK: used by the performer

    /// Whether the end was requested by the door instead of a client's signal.
    public var isDoorClosing: Bool { latch.locked { isClosing } }

    /// Calls `body` when the client sends a signal or disappears, or the door closes; at once if that has happened.
    public func onSignal(_ body: @escaping @Sendable (Int32) -> Void) {
        let early = latch.locked {
            onSignal = body
            return signal
        }
        if let early { body(early) }
    }

    /// Blocks while the client has no credit.
    public func write(_ bytes: UnsafeRawBufferPointer, asErrors: Bool) -> Written {
        var rest = bytes[...]
        while !rest.isEmpty {
            let (written, count) = latch.locked { take(rest, asErrors: asErrors) }
            guard written == .done else { return written }
            waker.call()
            rest = rest.dropFirst(count)
        }
        return .done
    }

    /// Ends the command. Pending writes return `.gone`.
    public func end(_ status: Int32) {
        latch.locked {
            self.status = status
            onSignal = nil
            latch.wakeAll()
        }
        waker.call()
    }

    /// The caller holds the latch.
    private func take(_ bytes: Slice<UnsafeRawBufferPointer>, asErrors: Bool) -> (Written, Int) {
        let overhead = ClientMessage.pieceOverheadBytes
        while true {
            if isGone || status != nil || isOutputClosed && !asErrors { return (.gone, 0) }
            if credit > overhead { break }
            if signal != nil { return (.stopped, 0) }
            latch.wait(until: nil)
        }
        let piece = Array(bytes.prefix(min(credit - overhead, DoorSession.pieceBytes)))
        credit -= piece.count + overhead
        pieces.append(asErrors ? .errors(piece) : .output(piece))
        return (.done, piece.count)
    }

    // MARK: used by the door

    /// Messages to send, and the exit status after the last of them.
    func taken() -> (pieces: [DoorMessage], status: Int32?) {
        latch.locked {
            defer { pieces = [] }
            return (pieces, status)
        }
    }

    /// False if the client grants credit that was never used.
    func grant(credit bytes: Int) -> Bool {
        latch.locked {
            guard credit + bytes <= ClientMessage.initialCreditBytes else { return false }
            credit += bytes
            latch.wakeAll()
            return true
        }
    }

    func closeOutput() {
        latch.locked {
            isOutputClosed = true
            latch.wakeAll()
        }
    }

    func end(by number: Int32) {
        let body = latch.locked {
            signal = signal ?? number
            latch.wakeAll()
            return onSignal
        }
        body?(number)
    }

    /// Ends the command because the door closes, like SIGTERM. An earlier signal takes precedence.
    func close() {
        latch.locked { isClosing = signal == nil }
        end(by: SIGTERM)
    }

    /// The client has disappeared.
    func disconnect() {
        latch.locked {
            isGone = true
            pieces = []
        }
        end(by: SIGHUP)
    }
}
