// The contract of all links, run by the MPI link: one rank a process, started by mpirun from a test. Rank 0 prints what
// is broken, and ends with 1 if anything is. With `faults`: what it does where MPI fails, over three ranks.

import DaftLink
import DaftModel
import DaftMPI
import Glibc
import MPIFaults
import Synchronization

let checksFaults = CommandLine.arguments.contains("faults")
let pieceBytes = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 60 << 10
let broken = Atomic<Int>(0)
let process = try MPIProcess()
let loop = MPILoop()
let link = MPILink(try process.world.duplicate(), on: loop) { _ in pieceBytes }
loop.start {
    if link.rank.number == 0 {
        let contract = LinkContract(link)
        var isBroken: [LinkContract.Broken?] = []
        if checksFaults {
            isBroken.append(
                await contract.checkFailedReceive(from: Rank(1), beside: Rank(2)) { mpi_faults_fail_receive_from(1) })
            isBroken.append(await contract.checkFailedLook(at: Rank(2)) { mpi_faults_fail_testsome(1_000) })
        }
        isBroken += await contract.run(checksFaults ? [] : LinkContract.names)
        for case let promise? in isBroken {
            print("broken: \(promise)")
            broken.add(1, ordering: .relaxed)
        }
        print("\(LinkContract.names.count) checks, \(broken.load(ordering: .relaxed)) broken")
    } else {
        await LinkContract.serve(link)
    }
    repeat { await loop.sleep(milliseconds: 1) } while !link.isQuiet
    loop.stop()
}
loop.run()
try process.finalize(0)
exit(broken.load(ordering: .relaxed) == 0 ? 0 : 1)
