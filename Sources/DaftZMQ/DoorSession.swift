// A client's command at a door, as seen by whoever performs it: what it says, a place for its output that holds back
// whoever writes faster than the client reads, and its wish to end.

import DaftCommand
import DaftLink
import Glibc

public final class DoorSession: @unchecked Sendable {
    /// How a write ended.
    public enum Written: Sendable {
        case done
        /// Nobody reads any more.
        case gone
        /// There was no room, and the client wanted an end.
        case stopped
    }

    static let pieceBytes = 64 << 10

    public let command: DoorCommand

    private let waker: Waker
    private let latch = Latch()
    // Guarded by the latch.
    private var room = ClientMessage.firstRoomBytes
    private var pieces: [DoorMessage] = []
    private var isDeaf = false
    private var isGone = false
    private var isClosing = false
    private var signal: Int32?
    private var onSignal: (@Sendable (Int32) -> Void)?
    private var status: Int32?

    init(_ command: DoorCommand, _ waker: Waker) {
        self.command = command
        self.waker = waker
    }

    // MARK: for whoever performs the command

    /// What wants an end is the door itself, and no signal of the client's.
    public var isDoorClosing: Bool { latch.locked { isClosing } }

    /// Calls `body` when the client wants an end or has vanished, or the door closes; at once if that was before.
    public func onSignal(_ body: @escaping @Sendable (Int32) -> Void) {
        let early = latch.locked {
            onSignal = body
            return signal
        }
        if let early { body(early) }
    }

    /// Blocks while the client has no room.
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

    /// The command is over. Whoever still writes is told that nobody reads.
    public func end(_ status: Int32) {
        latch.locked {
            self.status = status
            onSignal = nil
            latch.wakeAll()
        }
        waker.call()
    }

    /// Inside the latch.
    private func take(_ bytes: Slice<UnsafeRawBufferPointer>, asErrors: Bool) -> (Written, Int) {
        let overhead = ClientMessage.pieceOverheadBytes
        while true {
            if isGone || status != nil || isDeaf && !asErrors { return (.gone, 0) }
            if room > overhead { break }
            if signal != nil { return (.stopped, 0) }
            latch.wait(until: nil)
        }
        let piece = Array(bytes.prefix(min(room - overhead, DoorSession.pieceBytes)))
        room -= piece.count + overhead
        pieces.append(asErrors ? .errors(piece) : .output(piece))
        return (.done, piece.count)
    }

    // MARK: for the door

    /// What is to be sent, and the status where that is the end.
    func taken() -> (pieces: [DoorMessage], status: Int32?) {
        latch.locked {
            defer { pieces = [] }
            return (pieces, status)
        }
    }

    /// False where a client gives room that was never taken.
    func give(room bytes: Int) -> Bool {
        latch.locked {
            guard room + bytes <= ClientMessage.firstRoomBytes else { return false }
            room += bytes
            latch.wakeAll()
            return true
        }
    }

    func deafen() {
        latch.locked {
            isDeaf = true
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

    /// The door closes: as by SIGTERM, but for who wants it. An earlier signal of the client's counts.
    func close() {
        latch.locked { isClosing = signal == nil }
        end(by: SIGTERM)
    }

    /// The client is not there any more.
    func vanish() {
        latch.locked {
            isGone = true
            pieces = []
        }
        end(by: SIGHUP)
    }
}
