// daft-solo's own options: the number of data servers, the nodes they simulate, and their stores.

import DaftCommand
import DaftEngine
import DaftModel
import DaftShell

let solo = Program(.solo)

/// Starts the system, runs the commands, and ends it in order.
func run(_ invocation: Invocation) async -> Int32 {
    let console = invocation.console
    do throws(Failure) {
        let settings = try settings(invocation.options)
        let trace = try invocation.options.traceFile()
        let system = try await LocalSystem.start(settings)
        for warning in system.warnings { await console.writeMessage("warning: \(warning)") }
        for (rank, some) in settings.enumerated() {
            let role = some.store.map { "data server, store \(shown($0))" } ?? "metadata server"
            await console.writeIfVerbose("rank \(rank) on \(some.host): \(role)")
        }
        let ended = await invocation.run(Shell(console, at: system.metadataServer))
        let status = await system.run { await invocation.write(trace, of: $0, status: ended) }
        system.close()
        return status
    } catch {
        await console.writeMessage("\(error)")
        return error.exitStatus
    }
}

/// Rank 0 first, then each data server.
private func settings(_ options: Options) throws(Failure) -> [Settings] {
    let hosts = try hosts(options)
    let number: Int?
    do throws(CommandError) { number = try options.number("-np") } catch { throw error.failure }
    let count = number ?? hosts?.count ?? 4
    guard count <= 64 else { throw Failure(.usage, [], "-np: at most 64 data servers fit into one process") }
    let store = options.storeDirectory
    var all = [Settings(host: hosts?.first ?? hostName(), catalogue: try options.catalogueFile())]
    for index in 0..<count {
        let host = hosts.map { $0[index % $0.count] }
        // A node's first data server uses the directory itself; simulated nodes have one each.
        let directory = store + Array((host.map { "-\($0)" } ?? "").utf8)
        let indexOnHost = index / (hosts?.count ?? 1)
        let suffix = indexOnHost == 0 ? "" : ".\(indexOnHost)"
        all.append(Settings(host: host ?? hostName(), store: directory + Array(suffix.utf8)))
    }
    let group = try options.sharers()
    for index in all.indices { all[index].log = try options.log(of: index, on: all[index].host) }
    return all.map { some in
        var some = some
        some.chunkSize = options.chunkSize
        some.compression = options.compression
        some.copies = options.copies
        some.group = group
        some.traces = options.trace != nil
        some.durable = options.durable ?? false
        return some
    }
}

private func hosts(_ options: Options) throws(Failure) -> [String]? {
    guard let list = options.value("--hosts") else { return nil }
    let hosts = list.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).map {
        String(decoding: $0, as: UTF8.self)
    }
    for host in hosts where host.isEmpty || !host.allSatisfy({ $0.isLetter || $0.isNumber || "._-".contains($0) }) {
        throw Failure(.usage, [], "--hosts: `\(shown(host.utf8))` is no name of a node")
    }
    guard Set(hosts).count == hosts.count else { throw Failure(.usage, [], "--hosts: a node is named twice") }
    return hosts
}
