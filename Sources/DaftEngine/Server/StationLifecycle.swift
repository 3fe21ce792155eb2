// A rank at work: starts answering, joins, and ends in order.

import DaftLink
import DaftModel
import DaftStore
import DaftWire

extension Station {
    /// Begins to answer; a data server joins the system. What is returned are warnings about the start; what is thrown
    /// says why this rank cannot take part.
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
            // Rank 0 need not wait for a server that will not come.
            _ = try? await ask(.joined([error.at(settings.host)]), at: .metadataServer)
            throw error.at(settings.host)
        }
        return []
    }

    /// Remembers what this rank has of everything that it is bringing: it may be killed soon. From any thread.
    public func checkpoint() { store?.checkpoint() }
}
