// Joins at the start, and again when the metadata server returns or asks for it. One join runs at a time; failures are
// retried with exponential backoff while a metadata server is reachable.

import DaftLink
import DaftModel
import DaftStore

actor Rejoin {
    private static let firstPauseMilliseconds = 500
    private static let longestPauseMilliseconds = 15_000

    private let station: Station
    private let store: Store
    private nonisolated let loop: any Loop
    private var isAtIt = false
    /// Another join was requested during the current one, which may have begun with another metadata server.
    private var isWished = false

    init(_ station: Station, _ store: Store) {
        self.station = station
        self.store = store
        loop = station.loop
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// The first join; throws its failure.
    func start() async throws(Failure) {
        isAtIt = true
        do throws(Failure) {
            try await JoinProtocol(station, store).run()
        } catch {
            isAtIt = false
            throw error
        }
        await finish()
    }

    func wish() async {
        isWished = true
        if isAtIt { return }
        isAtIt = true
        await finish()
    }

    private func finish() async {
        var pause = Rejoin.firstPauseMilliseconds
        while isWished, !station.isClosed, station.link.ranks.contains(.metadataServer) {
            isWished = false
            do throws(Failure) {
                try await JoinProtocol(station, store).run()
                pause = Rejoin.firstPauseMilliseconds
            } catch {
                isWished = true
                await loop.sleep(milliseconds: pause)
                pause = min(2 * pause, Rejoin.longestPauseMilliseconds)
            }
        }
        isAtIt = false
    }
}
