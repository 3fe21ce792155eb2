// Bulk transfer of a load: each message has a header and a piece of the slab, which is sent without a copy and kept
// until it has left.

import CZMQ
import DaftLink
import DaftModel

/// A piece to send, possibly deferred.
struct BulkPiece {
    let question: UInt64
    let offset: Int
    let outgoingSlab: OutgoingSlab
    let bytes: Range<Int>
}

extension Socket {
    static let bulkHeaderBytes = 16

    /// False if no peer is connected under this name.
    func send(_ piece: BulkPiece, to name: [UInt8]) -> Bool {
        var writer = ByteWriter(capacity: Socket.bulkHeaderBytes)
        writer.u64(piece.question)
        writer.u64(UInt64(piece.offset))
        let header = writer.bytes
        guard zmq_send(handle, name, name.count, ZMQ_DONTWAIT | ZMQ_SNDMORE) >= 0 else { return false }
        guard zmq_send(handle, header, header.count, ZMQ_DONTWAIT | ZMQ_SNDMORE) >= 0 else { return endEarly() }
        // libzmq holds the outgoing slab until the message has been sent.
        let memory = piece.outgoingSlab.slab.slice(piece.bytes.lowerBound, piece.bytes.count).withMutableBytes { $0 }
        var message = zmq_msg_t()
        return withUnsafeMutablePointer(to: &message) { message in
            let owner = Unmanaged.passRetained(piece.outgoingSlab).toOpaque()
            guard zmq_msg_init_data(message, memory.baseAddress, memory.count, { letGo($1) }, owner) == 0 else {
                Unmanaged<OutgoingSlab>.fromOpaque(owner).release()
                return endEarly()
            }
            if zmq_msg_send(message, handle, ZMQ_DONTWAIT) >= 0 { return true }
            zmq_msg_close(message)
            return endEarly()
        }
    }

    /// Terminates a message whose body could not be queued, so that the next is not taken for its rest. The receiver
    /// drops it.
    private func endEarly() -> Bool {
        _ = zmq_send(handle, nil, 0, ZMQ_DONTWAIT)
        return false
    }

    /// Receives one piece into the memory that `destination` returns; without memory it is dropped. Nil: no piece.
    func receivePiece(
        _ destination: (_ question: UInt64, _ bytes: Range<Int>) -> SlabSlice?
    ) throws(ZMQError) -> (question: UInt64, bytes: Range<Int>)?? {
        guard let (header, isOnlyPart) = try receivePart({ Array($0) }) else { return nil }
        if isOnlyPart { return .some(nil) }
        var reader = ByteReader(header)
        // A header that is too short belongs to no question.
        let question = (try? reader.u64()) ?? 0
        let offset = Int(exactly: (try? reader.u64()) ?? .max) ?? .max
        let taken = try receivePart { bytes -> Range<Int>? in
            guard offset <= Int.max - bytes.count else { return nil }
            let range = offset..<offset + bytes.count
            guard let memory = destination(question, range), memory.count == bytes.count else { return nil }
            memory.withMutableBytes { $0.copyMemory(from: bytes) }
            return range
        }
        guard let taken else { return .some(nil) }
        var isLast = taken.isLast
        while !isLast { isLast = try receivePart { _ in }?.isLast ?? true }
        return .some(taken.part.map { (question, $0) })
    }
}

/// Called by a libzmq thread.
private func letGo(_ owner: UnsafeMutableRawPointer?) {
    if let owner { Unmanaged<OutgoingSlab>.fromOpaque(owner).release() }
}
