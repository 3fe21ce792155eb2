// Detects that a rank's directory was removed while in use, and withdraws the rank. Checked before an order, after a
// failed one, and when free space is requested. Open descriptors would otherwise accept bytes that nobody can find
// again, or fail with errors that blame the files.
//
// A data server answers with the failure, withdraws at the metadata server and counts as away; a metadata server ends
// the system.

import DaftLink
import DaftModel
import DaftStore
import DaftTrust
import DaftWire

extension Station {
    /// Time for the answer with the reason to leave.
    private static let lastWordsMilliseconds = 1_000
    private static let withdrawalMilliseconds = 2_000

    /// Checks that the directory exists; returns the failure, if any.
    func checkDirectory() async -> Failure? {
        if let loss { return loss }
        let isGone = await workers.run { [self] in store?.isGone ?? catalogueFile?.isGone ?? false }
        // Another request may have found out during the await.
        if let loss { return loss }
        guard isGone else { return nil }
        let what = isMetadataServer ? "catalogue" : "store"
        let end = isMetadataServer ? "the system ends" : "this data server takes no part any more"
        let failure = Failure(
            .gone, store?.directory ?? Array((settings.catalogue ?? "").utf8), node: settings.host,
            "the \(what) is gone: somebody removed or moved it while it was used, so \(end); start daft again")
        loss = failure
        note(failure, .error, in: what)
        loop.start { [self] in await withdraw(failure) }
        return failure
    }

    private func withdraw(_ failure: Failure) async {
        if isMetadataServer {
            await loop.sleep(milliseconds: Station.lastWordsMilliseconds)
            if settings.endsDataServers { await endDataServers() }
            ending.set()
            return
        }
        // If the message is lost, the metadata server misses the heartbeats.
        _ = try? await ask(
            .withdrawn(failure), at: .metadataServer, timeoutMilliseconds: Station.withdrawalMilliseconds)
        await loop.sleep(milliseconds: Station.lastWordsMilliseconds)
        lost.set()
    }
}

extension MetadataServer {
    /// Marks a data server as gone although its process lives.
    func dismiss(_ rank: Rank, _ failure: Failure) async -> Reply {
        station.note(failure, .error, in: "withdrawn")
        await note(rank, .gone)
        return .done
    }
}

extension [Failure] {
    /// Keeps only one failure per lost store.
    var withoutRepeatedLosses: [Failure] {
        var seen: Set<Failure> = []
        return filter { $0.kind != .gone || seen.insert($0).inserted }
    }
}
