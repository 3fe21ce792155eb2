// Pending MPI operations. Each owns its bytes until it is complete: the table keeps the owner of the memory alive, and
// an entry leaves the table only by completing. Never more than `longestPiece` bytes in one call, so no count
// overflows.

import CMPI
import DaftLink

final class RequestTable {
    typealias Done = (MPIError?) -> Void

    private struct Entry {
        /// The rank at the other end, where there is one in particular.
        var peer: Int?
        /// Whatever keeps the memory: a slab, its departure, or the bytes of a message.
        let owner: AnyObject
        let done: Done
    }

    static let longestPiece = 1 << 30

    private let communicator: Communicator
    private var requests: [MPI_Request?] = []
    private var entries: [Entry?] = []
    private var free: [Int] = []
    private var completed: [Int32] = []

    init(_ communicator: Communicator) { self.communicator = communicator }

    private var isEmpty: Bool { free.count == requests.count }

    /// Whether anything is under way with a rank that is none of these.
    func isEmpty(besides ranks: Set<Int>) -> Bool {
        entries.allSatisfy { entry in entry?.peer.map(ranks.contains) ?? (entry == nil) }
    }

    /// What is under way with that rank may never end: the memory is MPI's, and nobody waits for it.
    func writeOff(_ rank: Int) {
        for case let entry? in entries where entry.peer == rank {
            let slab = entry.owner as? Slab ?? (entry.owner as? Departure)?.slab
            slab?.writeOff()
        }
    }

    func send(_ bytes: UnsafeRawBufferPointer, owner: AnyObject, to rank: Int, tag: Int32, done: @escaping Done) {
        precondition(bytes.count <= RequestTable.longestPiece)
        var request: MPI_Request?
        let code = MPI_Isend(
            bytes.baseAddress, Int32(bytes.count), cmpi_byte(), Int32(rank), tag, communicator.handle, &request)
        add(request, "MPI_Isend", code, Entry(peer: rank, owner: owner, done: done))
    }

    func receive(
        into memory: UnsafeMutableRawBufferPointer, owner: AnyObject, from rank: Int, tag: Int32, done: @escaping Done
    ) {
        precondition(memory.count <= RequestTable.longestPiece)
        var request: MPI_Request?
        let code = MPI_Irecv(
            memory.baseAddress, Int32(memory.count), cmpi_byte(), Int32(rank), tag, communicator.handle, &request)
        add(request, "MPI_Irecv", code, Entry(peer: rank, owner: owner, done: done))
    }

    /// Takes a message that has been matched.
    func receive(
        _ message: MPI_Message?, into memory: UnsafeMutableRawBufferPointer, owner: AnyObject, done: @escaping Done
    ) {
        var message = message
        var request: MPI_Request?
        let code = MPI_Imrecv(memory.baseAddress, Int32(memory.count), cmpi_byte(), &message, &request)
        add(request, "MPI_Imrecv", code, Entry(owner: owner, done: done))
    }

    /// Completes what can be completed; true if anything was.
    func progress() -> Bool {
        if isEmpty { return false }
        if completed.count < requests.count { completed = [Int32](repeating: 0, count: requests.count) }
        var count: Int32 = 0
        let code = MPI_Testsome(Int32(requests.count), &requests, &count, &completed, cmpi_ignored_statuses())
        if count == MPI_UNDEFINED || count == 0 { return false }
        var error: MPIError?
        do throws(MPIError) { try check("MPI_Testsome", code) } catch let thrown { error = thrown }
        for index in completed.prefix(Int(count)).map(Int.init) {
            guard let entry = entries[index] else { continue }
            entries[index] = nil
            requests[index] = cmpi_no_request()
            free.append(index)
            entry.done(error)
        }
        return true
    }

    private func add(_ request: MPI_Request?, _ call: String, _ code: Int32, _ entry: Entry) {
        do throws(MPIError) {
            try check(call, code)
        } catch {
            return entry.done(error)
        }
        if let index = free.popLast() {
            requests[index] = request
            entries[index] = entry
        } else {
            requests.append(request)
            entries.append(entry)
        }
    }
}
