// Starting and stopping a station.

import DaftLink
import DaftModel
import DaftStore
import DaftWire

extension Station {
    /// Starts answering; a data server joins the system. Returns warnings; throws if this rank cannot participate.
    public func start() async throws(Failure) -> [Failure] {
        noteStart()
        if isMetadataServer {
            let server = MetadataServer(self)
            link.onChange { [loop] rank, presence in loop.start { await server.note(rank, presence) } }
            link.serve(RequestRouter(self, metadataServer: server, dataServer: nil))
            return await server.awaitServers()
        }
        guard let store else { throw Failure(.usage, [], "a data server needs a store") }
        let rejoining = Rejoin(self, store)
        link.onChange { [loop] rank, presence in
            if rank == .metadataServer, presence == .here { loop.start { await rejoining.wish() } }
        }
        link.serve(RequestRouter(self, metadataServer: nil, dataServer: DataServer(self, store, rejoining)))
        do throws(Failure) {
            try await rejoining.start()
        } catch {
            // Rank 0 need not wait for a server that will not come. If the message is lost, it waits.
            _ = try? await ask(.joined([error.at(settings.host)]), at: .metadataServer)
            throw error.at(settings.host)
        }
        return []
    }

    /// Records the progress of everything being stored, for when this process is about to be killed. Thread-safe.
    public func checkpoint() { store?.checkpoint() }
}
