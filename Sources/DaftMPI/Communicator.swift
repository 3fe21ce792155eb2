// A communicator, and the life of MPI in this process. Used from the one thread that initialised it.

import CMPI

/// MPI from its initialisation to its end.
public struct MPIProcess {
    public let world: Communicator

    /// Initialises MPI. Only the calling thread, which must be the main one, may use it.
    public init() throws(MPIError) {
        var provided: Int32 = 0
        try check("MPI_Init_thread", MPI_Init_thread(nil, nil, Int32(MPI_THREAD_FUNNELED), &provided))
        world = try Communicator(cmpi_world())
    }

    /// An orderly end, which all ranks take part in. Never from a deinit: a rank that threw would wait for the others
    /// there.
    public func finalize() throws(MPIError) { try check("MPI_Finalize", MPI_Finalize()) }
}

public struct Communicator: @unchecked Sendable {
    let handle: MPI_Comm?
    public let rank: Int
    public let size: Int

    init(_ handle: MPI_Comm?) throws(MPIError) {
        self.handle = handle
        try check("MPI_Comm_set_errhandler", MPI_Comm_set_errhandler(handle, cmpi_errors_return()))
        var number: Int32 = 0
        try check("MPI_Comm_rank", MPI_Comm_rank(handle, &number))
        rank = Int(number)
        try check("MPI_Comm_size", MPI_Comm_size(handle, &number))
        size = Int(number)
    }

    /// The same ranks, with messages of their own.
    public func duplicate() throws(MPIError) -> Communicator {
        var made: MPI_Comm?
        try check("MPI_Comm_dup", MPI_Comm_dup(handle, &made))
        return try Communicator(made)
    }

    /// Every rank's `value`, in the order of ranks. All ranks call it.
    public func gather(_ value: Int64) throws(MPIError) -> [Int64] {
        var own = value
        var all = [Int64](repeating: 0, count: size)
        try check(
            "MPI_Allgather", MPI_Allgather(&own, 1, cmpi_int64(), &all, 1, cmpi_int64(), handle))
        return all
    }

    /// Every rank's bytes, in the order of ranks. All ranks call it.
    public func gather(_ bytes: [UInt8]) throws(MPIError) -> [[UInt8]] {
        let lengths = try gather(Int64(bytes.count)).map { Int32($0) }
        let starts = lengths.indices.map { lengths[..<$0].reduce(0, +) }
        var all = [UInt8](repeating: 0, count: Int(lengths.reduce(0, +)))
        try check(
            "MPI_Allgatherv",
            MPI_Allgatherv(bytes, Int32(bytes.count), cmpi_byte(), &all, lengths, starts, cmpi_byte(), handle))
        return zip(starts, lengths).map { Array(all[Int($0)..<Int($0 + $1)]) }
    }
}
