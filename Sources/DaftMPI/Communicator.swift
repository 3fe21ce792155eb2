// Communicators, and the lifetime of MPI. Used only on the thread that initialised MPI.

import CMPI
import Glibc

/// MPI from initialisation to finalisation.
public struct MPIProcess {
    public let world: Communicator

    /// Initialises MPI. Only the calling thread, which must be the main one, may use it.
    public init() throws(MPIError) {
        var provided: Int32 = 0
        try check("MPI_Init_thread", MPI_Init_thread(nil, nil, Int32(MPI_THREAD_FUNNELED), &provided))
        world = try Communicator(cmpi_world())
    }

    /// Collective: finalises MPI with this status. Not in a deinit, where a rank that threw would wait for the others.
    public func finalize(_ status: Int32) throws(MPIError) {
        try check("MPI_Finalize", MPI_Finalize())
        if world.rank == 0, status != 0, startedToGoOn { kill(getppid(), SIGTERM) }
    }

    /// Ends without the missing ranks, for which MPI_Finalize would wait. Rank 0 aborts all with this status; the
    /// others wait briefly for that.
    public func abandon(_ status: Int32) -> Never {
        if world.rank == 0 {
            usleep(MPIProcess.closingMicroseconds)
            if !startedToGoOn { MPI_Abort(world.handle, status) } else if status != 0 { kill(getppid(), SIGTERM) }
        }
        if status != 0 || world.rank != 0 { sleep(MPIProcess.abandonedSeconds) }
        _exit(status)
    }

    /// Whether our parent is an mpirun with recovery enabled. It exits with 0 whatever the ranks return, so only a
    /// signal to it reports a failure.
    private var startedToGoOn: Bool {
        guard let goesOn = getenv("OMPI_MCA_orte_enable_recovery"), strcmp(goesOn, "1") == 0,
            let starter = getenv("OMPI_MCA_orte_hnp_uri"), let parent = getenv("OMPI_MCA_orte_local_daemon_uri")
        else { return false }
        return strcmp(starter, parent) == 0
    }

    /// Time for the other ranks to close their files.
    private static let closingMicroseconds: UInt32 = 300_000
    private static let abandonedSeconds: UInt32 = 2
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

    /// Collective: a communicator of the same ranks with separate messages.
    public func duplicate() throws(MPIError) -> Communicator {
        var made: MPI_Comm?
        var request: MPI_Request?
        try check("MPI_Comm_idup", MPI_Comm_idup(handle, &made, &request))
        try waitFor("MPI_Comm_idup", &request, limited: true)
        return try Communicator(made)
    }

    /// Collective: every rank's `value`, in rank order.
    private func gather(_ value: Int64, limited: Bool) throws(MPIError) -> [Int64] {
        let own = PinnedMemory<Int64>(1)
        let all = PinnedMemory<Int64>(size)
        defer { withExtendedLifetime((own, all)) {} }
        own.memory[0] = value
        var request: MPI_Request?
        try check(
            "MPI_Iallgather",
            MPI_Iallgather(
                own.memory.baseAddress, 1, cmpi_int64(), all.memory.baseAddress, 1, cmpi_int64(), handle, &request))
        try waitFor("MPI_Iallgather", &request, limited: limited)
        return Array(all.memory)
    }

    /// Collective: every rank's bytes, in rank order. `limited`: fails after a timeout, since no rank has other work to
    /// do first.
    public func gather(_ bytes: [UInt8], limited: Bool = false) throws(MPIError) -> [[UInt8]] {
        let counts = try gather(Int64(bytes.count), limited: limited).map { Int32($0) }
        let (lengths, starts) = (PinnedMemory<Int32>(size), PinnedMemory<Int32>(size))
        var sum: Int32 = 0
        for (rank, count) in counts.enumerated() {
            (lengths.memory[rank], starts.memory[rank]) = (count, sum)
            sum += count
        }
        let own = PinnedMemory<UInt8>(bytes.count)
        let all = PinnedMemory<UInt8>(Int(sum))
        defer { withExtendedLifetime((own, all, lengths, starts)) {} }
        for (index, byte) in bytes.enumerated() { own.memory[index] = byte }
        var request: MPI_Request?
        try check(
            "MPI_Iallgatherv",
            MPI_Iallgatherv(
                own.memory.baseAddress, Int32(bytes.count), cmpi_byte(), all.memory.baseAddress,
                lengths.memory.baseAddress, starts.memory.baseAddress, cmpi_byte(), handle, &request))
        try waitFor("MPI_Iallgatherv", &request, limited: limited)
        return zip(starts.memory, lengths.memory).map { Array(all.memory[Int($0)..<Int($0 + $1)]) }
    }

    /// How long the first exchange may take. Rank 0's limit is shorter, so that it reports the failure first.
    private var patience: Duration { .seconds(rank == 0 ? 60 : 65) }

    /// Waits for all ranks with sleeps, since MPI's own waiting spins and would take processors from ranks still
    /// starting.
    private func waitFor(_ call: String, _ request: inout MPI_Request?, limited: Bool) throws(MPIError) {
        var pause: UInt32 = 50
        var isDone: Int32 = 0
        let deadline = ContinuousClock.now + patience
        while true {
            // Open MPI tests for completion before it makes progress, so the second test sees the result of the first.
            for _ in 0..<2 where isDone == 0 {
                try check("MPI_Test", MPI_Test(&request, &isDone, cmpi_ignored_status()))
            }
            if isDone != 0 { return }
            guard !limited || ContinuousClock.now < deadline else {
                throw MPIError(unansweredCall: call, after: patience)
            }
            usleep(pause)
            pause = min(pause * 2, 1_000)
        }
    }
}

/// Memory at a fixed address while MPI uses it.
private final class PinnedMemory<Element: BitwiseCopyable> {
    let memory: UnsafeMutableBufferPointer<Element>

    init(_ count: Int) { memory = .allocate(capacity: count) }

    deinit { memory.deallocate() }
}
