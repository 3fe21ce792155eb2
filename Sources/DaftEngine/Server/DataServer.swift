// A data server's requests and orders; storage itself is in DaftStore.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftStore
import DaftWire

actor DataServer {
    let station: Station
    let store: Store
    private nonisolated let loop: any Loop
    private let tasks: OrderTable
    private let rejoining: Rejoin
    private let offered: OfferedTrees

    init(_ station: Station, _ store: Store, _ rejoining: Rejoin) {
        self.station = station
        self.store = store
        self.rejoining = rejoining
        loop = station.loop
        tasks = OrderTable(on: station.loop, orphanMilliseconds: station.settings.orphanMilliseconds)
        offered = OfferedTrees(on: station.loop)
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    func answer(_ request: Request, from rank: Rank) async -> Reply {
        do throws(Failure) {
            switch request {
            // A data server that has withdrawn must not rejoin when called back.
            case .join where station.loss != nil: return .done
            case .order, .doubt, .delta, .space, .join, .sees:
                if let loss = await station.checkDirectory() { throw loss }
            default: break
            }
            switch request {
            case .order(let order): return await begin(order, from: rank)
            case .poll(let task): return await tasks.poll(task)
            case .cancel(let task):
                await tasks.cancel(task)
                return .done
            case .doubt(let contents): return await reexamine(contents)
            case .delta(let head): return try await station.records(after: head)
            case .space: return .space(try await space())
            case .ping: return .done
            case .join:
                loop.start { [rejoining] in await rejoining.wish() }
                return .done
            case .quit where rank == .metadataServer:
                station.ending.set()
                return .done
            case .sees(let info): return await sees(info)
            case .offered(let tree, let page, let done):
                return .offered(try await offered.page(page, of: tree, for: rank, done: done))
            default: return .failed(Failure(.malformed, [], "this is nothing to ask a data server"))
            }
        } catch {
            return .failed(error.at(station.settings.host))
        }
    }

    func stop() async { await tasks.cancelAll() }

    private func begin(_ order: Order, from rank: Rank) async -> Reply {
        await tasks.begin { [self] progressCounter in
            await station.logging(order, from: rank, progressCounter) {
                let outcome = await carryOut(order, from: rank, progressCounter)
                if !outcome.failures.isEmpty, let loss = await station.checkDirectory() { return .failed(loss) }
                return outcome
            }
        }
    }

    private func carryOut(_ order: Order, from rank: Rank, _ progressCounter: ProgressCounter) async -> Outcome {
        switch order {
        case .ingest(let ingest):
            if let file = ingest.misfit {
                return .failed(Failure(.malformed, file.info.path, "an order for chunks that the file has not"))
            }
            if ingest.chain != nil { station.chainChunkIDs.enter(ingest.offer) }
            defer { if ingest.chain != nil { station.chainChunkIDs.leave(ingest.offer) } }
            return await inChain(ingest.chain) {
                .ingested(await IngestJob(station, store, ingest, progressCounter).run(), moved: progressCounter.moved)
            }
        case .settle(let settled):
            return .placed(await StoreOrders(station, store).settle(settled))
        case .place(let entries):
            let failures = await StoreOrders(station, store).place(entries)
            store.release(entries.compactMap(\.entry.content))
            return .placed(failures)
        case .restore(let entries):
            let (failures, warnings) = await StoreOrders(station, store).restore(entries)
            store.release(entries.compactMap(\.entry.content))
            return .restored(failures, warnings: warnings)
        case .discard(let contents):
            store.release(contents)
            return .placed(await StoreOrders(station, store).discard(contents))
        case .fetch(let fetch):
            return await inChain(fetch.chain) { await FetchJob(station, store, fetch, progressCounter).run() }
        case .verify(let names, let state):
            return await VerifyJob(station, store, progressCounter).run(below: names, state: state)
        case .note(let entries):
            let failures = await StoreOrders(station, store).note(entries)
            store.release(entries.compactMap(\.entry.content))
            return .placed(failures)
        case .replicate(let replicate): return await ReplicaWriter(station, store, replicate, progressCounter).run()
        case .collect(let collect):
            return await Collecting(station: station, store: store, progressCounter: progressCounter).run(collect)
        case .writeOut(let order): return .placed(await StoreOrders(station, store).writeOut(order))
        case .offer(let offering): return await offered.offer(offering, to: rank, store, at: station)
        case .recognise, .remember, .inspect: return await StoreOrders(station, store).look(order)
        case .repair, .leave: return .failed(Failure(.malformed, [], "this is nothing to order a data server"))
        }
    }

    /// Runs an order as a member of its chain, if it has one.
    private func inChain(_ chain: Chain?, _ body: () async -> Outcome) async -> Outcome {
        if chain == nil { return await body() }
        station.relay.enter()
        defer { station.relay.leave() }
        return await body()
    }

    private func sees(_ info: SourceFileInfo) async -> Reply {
        if await station.workers.run({ isSeen(info) }) { return .done }
        return .failed(
            Failure(
                .missing, info.path, node: station.settings.host, "is not what the node sees where it was asked for"))
    }

    private func space() async throws(Failure) -> Space {
        let store = store
        return try await station.work { () throws(Failure) in try store.space() }
    }

    /// Another rank received wrong bytes of these from here: verify them and report what is left.
    private func reexamine(_ contents: [ContentID]) async -> Reply {
        let (station, store) = (station, store)
        await tasks.run { progressCounter in await VerifyJob(station, store, progressCounter).examine(contents) }
        return .done
    }
}
