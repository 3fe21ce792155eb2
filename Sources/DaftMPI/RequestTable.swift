// Pending MPI operations. Each entry keeps the owner of its memory alive until it completes, which is the only way it
// is removed. Calls are limited to `longestPiece` bytes, so that counts do not overflow.

import CMPI
import DaftLink

final class RequestTable {
    typealias Done = (MPIError?) -> Void

    private struct Entry {
        /// The other rank, if specific.
        var peer: Int?
        /// Keeps the memory alive: a slab or a message.
        let owner: AnyObject
        let done: Done
    }

    static let longestPiece = 1 << 30

    private let communicator: Communicator
    private let loop: any Loop
    private var requests: [MPI_Request?] = []
    private var entries: [Entry?] = []
    private var free: [Int] = []
    private var completed: [Int32] = []
    private var statuses: [MPI_Status] = []

    init(_ communicator: Communicator, on loop: any Loop) {
        self.communicator = communicator
        self.loop = loop
    }

    private var isEmpty: Bool { free.count == requests.count }

    /// Whether nothing is pending except with these ranks.
    func isEmpty(besides ranks: Set<Int>) -> Bool {
        loop.checkIsolated()
        return entries.allSatisfy { entry in entry?.peer.map(ranks.contains) ?? (entry == nil) }
    }

    /// Operations with that rank may never complete: MPI keeps the memory, and nobody waits for them.
    func writeOff(_ rank: Int) {
        loop.checkIsolated()
        for case let entry? in entries where entry.peer == rank {
            let slab = entry.owner as? Slab ?? (entry.owner as? OutgoingSlab)?.slab
            slab?.writeOff()
        }
    }

    func send(_ bytes: UnsafeRawBufferPointer, owner: AnyObject, to rank: Int, tag: Int32, done: @escaping Done) {
        loop.checkIsolated()
        precondition(bytes.count <= RequestTable.longestPiece)
        var request: MPI_Request?
        let code = MPI_Isend(
            bytes.baseAddress, Int32(bytes.count), cmpi_byte(), Int32(rank), tag, communicator.handle, &request)
        add(request, "MPI_Isend", code, Entry(peer: rank, owner: owner, done: done))
    }

    func receive(
        into memory: UnsafeMutableRawBufferPointer, owner: AnyObject, from rank: Int, tag: Int32, done: @escaping Done
    ) {
        loop.checkIsolated()
        precondition(memory.count <= RequestTable.longestPiece)
        var request: MPI_Request?
        let code = MPI_Irecv(
            memory.baseAddress, Int32(memory.count), cmpi_byte(), Int32(rank), tag, communicator.handle, &request)
        add(request, "MPI_Irecv", code, Entry(peer: rank, owner: owner, done: done))
    }

    /// Receives a matched message.
    func receive(
        _ message: MPI_Message?, into memory: UnsafeMutableRawBufferPointer, owner: AnyObject, done: @escaping Done
    ) {
        loop.checkIsolated()
        var message = message
        var request: MPI_Request?
        let code = MPI_Imrecv(memory.baseAddress, Int32(memory.count), cmpi_byte(), &message, &request)
        add(request, "MPI_Imrecv", code, Entry(owner: owner, done: done))
    }

    /// Completes finished operations; true if there were any.
    func progress() -> Bool {
        loop.checkIsolated()
        if isEmpty { return false }
        if completed.count < requests.count {
            completed = [Int32](repeating: 0, count: requests.count)
            statuses = [MPI_Status](repeating: MPI_Status(), count: requests.count)
        }
        var count: Int32 = 0
        let code = MPI_Testsome(Int32(requests.count), &requests, &count, &completed, &statuses)
        if count == MPI_UNDEFINED { return false }
        // The error belongs to no particular request, so test each.
        if code != MPI_SUCCESS, count == 0 { return testEach() }
        for (index, status) in zip(completed, statuses).prefix(Int(count)) {
            // Statuses are only valid if the call reported errors in them.
            end(Int(index), code == MPI_SUCCESS ? MPI_SUCCESS : status.MPI_ERROR, "MPI_Testsome")
        }
        return count > 0
    }

    private func testEach() -> Bool {
        var hasEnded = false
        for index in entries.indices where entries[index] != nil {
            var isOver: Int32 = 0
            let code = MPI_Test(&requests[index], &isOver, cmpi_ignored_status())
            if code == MPI_SUCCESS, isOver == 0 { continue }
            end(index, code, "MPI_Test")
            hasEnded = true
        }
        return hasEnded
    }

    private func end(_ index: Int, _ code: Int32, _ call: String) {
        guard let entry = entries[index] else { return }
        entries[index] = nil
        requests[index] = cmpi_no_request()
        free.append(index)
        do throws(MPIError) { try check(call, code) } catch { return entry.done(error) }
        entry.done(nil)
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
