// How the MPI link frames its messages: a small message goes first and says what it is about; the bytes of a load
// follow the message that answers it, range after range, under a tag of their own.

import DaftCore

/// One small message between two ranks.
struct Envelope: Coded {
    enum Kind: UInt8, Sendable {
        case call = 1
        case answer = 2
        case load = 3
        /// The states of a load's pieces; the bytes of those that were sent follow.
        case loaded = 4
        /// The system ends.
        case end = 5
    }

    static let minimumSize = 14
    static let version: UInt8 = 1

    let kind: Kind
    /// The asker's number of the question.
    let number: UInt64
    let payload: [UInt8]

    init(_ kind: Kind, _ number: UInt64, _ payload: [UInt8] = []) {
        self.kind = kind
        self.number = number
        self.payload = payload
    }

    init(from reader: inout ByteReader) throws(Malformed) {
        guard try reader.u8() == Envelope.version else { throw Malformed("envelope version", at: reader.offset - 1) }
        guard let kind = Kind(rawValue: try reader.u8()) else {
            throw Malformed("kind of message", at: reader.offset - 1)
        }
        self.kind = kind
        number = try reader.u64()
        payload = try reader.run()
    }

    func encode(into writer: inout ByteWriter) {
        writer.u8(Envelope.version)
        writer.u8(kind.rawValue)
        writer.u64(number)
        writer.run(payload)
    }
}

extension ChunkRun {
    /// The parts of the slab that are on their way: neighbouring pieces together, in the order of the run.
    func ranges(of states: [PieceState]) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        for (offset, (piece, state)) in zip(offsets, zip(pieces, states)) where state.count(of: piece) > 0 {
            let range = offset..<offset + state.count(of: piece)
            if let last = ranges.last, last.upperBound == range.lowerBound {
                ranges[ranges.count - 1] = last.lowerBound..<range.upperBound
            } else {
                ranges.append(range)
            }
        }
        return ranges
    }
}
