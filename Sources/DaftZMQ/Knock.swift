// A client's side of a door: brings one command, gives signs of life while it runs, and hands over what it prints, never
// more at once than there is room for.

import DaftCore
import DaftLink
import Glibc

public final class Knock: @unchecked Sendable {
    public enum Heard: Sendable {
        case output([UInt8])
        case errors([UInt8])
        case end(status: Int32)
        case refused(Failure)
    }

    static let beatMilliseconds = 500
    static let silenceMilliseconds = 5_000
    /// Room is given back in pieces of this size at least.
    static let roomPieceBytes = ClientMessage.firstRoomBytes / 8

    private let place: DoorPlace
    private let waker = Waker()
    private let latch = Latch()
    private var thread: OwnThread?
    // Guarded by the latch.
    private var heard: [Heard] = []
    private var outgoing: [ClientMessage]
    private var isClosed = false
    // Only touched by whoever calls `next`.
    private var consumed = 0

    public init(at place: DoorPlace, _ command: DoorCommand) throws(Failure) {
        self.place = place
        outgoing = [.begin(command)]
        let socket: Socket
        do throws(ZMQError) {
            socket = try Socket(.dealer, in: try Context(), lingerMilliseconds: 0)
            try socket.connect(place.endpoint)
        } catch {
            throw Failure(.unreachable, [], error.reason)
        }
        thread = OwnThread("daft-knock") { [unowned self] in run(socket) }
    }

    /// To be called at the end, once.
    public func close() {
        latch.locked { isClosed = true }
        waker.call()
        thread?.join()
        thread = nil
    }

    /// Blocks for what comes next. Whoever asks has dealt with what came before, so there is room for more. After an end
    /// or a refusal nothing comes.
    public func next() -> Heard {
        if consumed >= Knock.roomPieceBytes {
            say(.room(bytes: UInt32(consumed)))
            consumed = 0
        }
        let one = latch.locked {
            while heard.isEmpty { latch.wait(until: nil) }
            return heard.removeFirst()
        }
        switch one {
        case .output(let bytes), .errors(let bytes): consumed += bytes.count + ClientMessage.pieceOverheadBytes
        case .end, .refused: break
        }
        return one
    }

    public func signal(_ number: Int32) { say(.signal(UInt8(truncatingIfNeeded: number))) }

    /// Nobody reads standard output any more.
    public func deafen() { say(.deaf) }

    private func say(_ message: ClientMessage) {
        latch.locked { outgoing.append(message) }
        waker.call()
    }

    private func hear(_ one: Heard) {
        latch.locked {
            heard.append(one)
            latch.wakeAll()
        }
    }

    // MARK: on the thread

    private func run(_ socket: Socket) {
        var lastHeard = monotonicNow()
        var nextBeat = lastHeard + Nanoseconds(Knock.beatMilliseconds) * 1_000_000
        while true {
            let (messages, isOver) = latch.locked {
                defer { outgoing = [] }
                return (outgoing, isClosed)
            }
            if isOver { return }
            for message in messages { try? socket.send([message.encoded]) }
            wait(for: socket, or: waker, milliseconds: Knock.beatMilliseconds / 2)
            if take(from: socket) { lastHeard = monotonicNow() }
            let now = monotonicNow()
            if now >= nextBeat {
                try? socket.send([ClientMessage.alive.encoded])
                nextBeat = now + Nanoseconds(Knock.beatMilliseconds) * 1_000_000
            }
            if now > lastHeard + Nanoseconds(Knock.silenceMilliseconds) * 1_000_000 {
                hear(.refused(Failure(.unreachable, [], "the data server has not answered for some seconds")))
                lastHeard = .max / 2
            }
        }
    }

    /// Whether anything came.
    private func take(from socket: Socket) -> Bool {
        var hasCome = false
        while let parts = try? socket.receive() {
            hasCome = true
            guard let bytes = parts.first, let message = try? DoorMessage(decoding: bytes) else {
                hear(.refused(Failure(.malformed, [], "the door belongs to another version of daft")))
                continue
            }
            switch message {
            case .output(let bytes): hear(.output(bytes))
            case .errors(let bytes): hear(.errors(bytes))
            case .end(let status): hear(.end(status: Int32(status)))
            case .refused(let failure): hear(.refused(failure))
            case .alive: break
            }
        }
        return hasCome
    }
}
