// The link contract over MPI: one rank per process, started by mpirun from a test. Rank 0 prints violations and exits
// with 1 if there are any. With `faults`: MPI fault injection over three ranks. With `view` and a directory: the view
// contract, on a system with its stores there.

import DaftEngine
import DaftLink
import DaftModel
import DaftMPI
import FileViewContract
import Glibc
import MPIFaults
import Synchronization

let checksFaults = CommandLine.arguments.contains("faults")
let pieceBytes = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 60 << 10
let broken = Atomic<Int>(0)
let process = try MPIProcess()
let loop = MPILoop()
let link = MPILink(try process.world.duplicate(), on: loop) { _ in pieceBytes }

/// The last rank runs the view checks; the others serve until it ends.
func checkViews(in directory: String) async -> [String] {
    let chunkSize = ChunkSize(64 << 10) ?? .standard
    let isMetadataServer = link.rank == .metadataServer
    var settings = Settings(
        host: "n\(link.rank.number)",
        store: isMetadataServer ? nil : Array("\(directory)/store\(link.rank.number)".utf8),
        catalogue: isMetadataServer ? directory + "/catalogue" : nil)
    settings.chunkSize = chunkSize
    settings.expectedServers = link.ranks.count - 1
    settings.endsDataServers = true
    do throws(Failure) {
        let station = try Station(settings, link: link)
        defer { station.close() }
        _ = try await station.start()
        var broken: [String] = []
        if link.rank.number == link.ranks.count - 1 {
            let view = try await Namespace(following: station)
            broken = await FileViewContract(view, beside: view, chunkBytes: chunkSize.bytes).run()
            _ = await Session(at: station).quit()
        }
        await station.ending.wait()
        return broken
    } catch {
        return ["\(error)"]
    }
}

let viewDirectory = CommandLine.arguments.firstIndex(of: "view").map { CommandLine.arguments[$0 + 1] }

loop.start {
    if let viewDirectory {
        for promise in await checkViews(in: viewDirectory) {
            print("broken: \(promise)")
            broken.add(1, ordering: .relaxed)
        }
        if link.rank == .metadataServer { print("all ranks have ended") }
    } else if link.rank.number == 0 {
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
