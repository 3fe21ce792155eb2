// A data server joins when it starts, and again whenever the metadata server has come back or asks for it: one joining
// at a time, tried again with growing pauses while it fails and there is a metadata server to join.

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
    /// Somebody wished for it while it was under way: it may have begun with another metadata server.
    private var isWished = false

    init(_ station: Station, _ store: Store) {
        self.station = station
        self.store = store
        loop = station.loop
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// The first time: whoever starts hears why it failed.
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
