// What becomes of a rank whose directory somebody removes while it is used. It looks before an order is begun, when one
// has failed, and when it is asked for its room: what it has open would go on to take bytes that nobody finds again,
// and the files that it should take in would be blamed.
//
// A data server says so to whoever asks, tells the metadata server that it takes no part any more, and is away from
// then on; a metadata server ends the system.

import DaftLink
import DaftModel
import DaftStore
import DaftTrust
import DaftWire

extension Station {
    /// For the answer that says why.
    private static let lastWordsMilliseconds = 1_000
    private static let withdrawalMilliseconds = 2_000

    /// Why this rank takes no part any more, if it does not.
    func lookAtPlace() async -> Failure? {
        if let loss { return loss }
        let isGone = await workers.run { [self] in store?.isGone ?? catalogueFile?.isGone ?? false }
        // Another question may have found out meanwhile.
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
        _ = try? await ask(
            .withdrawn(failure), at: .metadataServer, timeoutMilliseconds: Station.withdrawalMilliseconds)
        await loop.sleep(milliseconds: Station.lastWordsMilliseconds)
        lost.set()
    }
}

extension MetadataServer {
    /// The data server of that rank is not one any more, although its process is there.
    func dismiss(_ rank: Rank, _ failure: Failure) async -> Reply {
        station.note(failure, .error, in: "withdrawn")
        await note(rank, .gone)
        return .done
    }
}

extension [Failure] {
    /// A store that is gone is one failure, of however many files.
    var sayingLossesOnce: [Failure] {
        var said: Set<Failure> = []
        return filter { $0.kind != .gone || said.insert($0).inserted }
    }
}
