// sbcast: writes one file to the same path on every node, like Slurm's command.
//
//   1. Each node checks that it could write there.
//   2. The file is broadcast under a name derived from its identity, so that a changed file gets another name.
//   3. The first data server of each node writes it to the path.

import DaftLink
import DaftModel
import DaftStore
import DaftWire

extension Session {
    public func sbcast(
        _ source: [UInt8], to destination: [UInt8], forced isForced: Bool, preserving isPreserving: Bool
    ) async -> Report {
        var report = Report()
        do throws(Failure) {
            let path = local(source)
            let (info, target) = try await station.work { [whole = local(destination)] () throws(Failure) in
                guard whole.last != Name.slash else { throw Failure(.usage, whole, "is a directory: name the file") }
                return (try plainFile(at: path), try wholePath(whole))
            }
            let nodes = oneOnEachNode(of: try await syncedMembers())
            let name = try self.name(of: info)
            let order = WriteOut(
                name: name, path: target, mode: info.mode, mtime: isPreserving ? info.mtime : nil,
                isForced: isForced, isTrial: false)
            report.failures = await write(order.trial, on: nodes)
            guard report.failures.isEmpty else { return report }
            report = await bcast([info.path], as: name)
            guard report.failures.isEmpty, !Task.isCancelled else { return report }
            report.failures = await write(order, on: nodes)
            let failed = Set(report.failures.map(\.node))
            report.servers = nodes.filter { !failed.contains($0.store.host) }.map(\.store.host)
        } catch {
            report.failures.append(error)
        }
        return report
    }

    private func name(of info: SourceFileInfo) throws(Failure) -> Name {
        let key = sourceKey(info, host: station.settings.host, station.settings.chunkSize)
        do throws(NameError) {
            let folder = try Name(Array("/sbcast/\(key.hex.prefix(16))".utf8))
            return try folder.appending(info.path.split(separator: Name.slash).last ?? [])
        } catch { throw Failure(.usage, info.path, error.reason) }
    }

    private func write(_ order: WriteOut, on nodes: [Member]) async -> [Failure] {
        var failures: [Failure] = []
        await station.loop.inOrder(width: nodes.count, over: nodes) { node in
            (node, await carryOut(.writeOut(order), at: node.rank))
        } take: { node, result in
            failures += result.placed.failures.map { $0.at(node.store.host) }
        }
        return failures
    }
}
