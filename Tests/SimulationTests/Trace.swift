// The messages between ranks in order, to compare two runs of a seed and to show a failed one.

import DaftLink
import DaftModel
import DaftWire
import Synchronization

final class Trace: Sendable {
    private let time: SimulatedTime
    private let lines = Mutex<[String]>([])

    init(_ time: SimulatedTime) { self.time = time }

    var all: [String] { lines.withLock { $0 } }

    func note(_ line: String) {
        let microseconds = time.now / 1_000
        lines.withLock { $0.append("\(microseconds) \(line)") }
    }

    /// The last messages of each rank.
    func lastWords(ranks: Int, each count: Int = 6) -> String {
        let all = all
        return (0..<ranks).map { rank in
            let own = all.filter { $0.contains(" \(Rank(rank)) ") }.suffix(count)
            return (["\(Rank(rank)):"] + own).joined(separator: "\n    ")
        }
        .joined(separator: "\n")
    }
}

/// Records a link's messages and applies tampering.
final class TracedLink: Link {
    private let link: any Link
    private let trace: Trace
    private let tampering: Tampering

    init(_ link: any Link, _ trace: Trace, _ tampering: Tampering) {
        self.link = link
        self.trace = trace
        self.tampering = tampering
    }

    var rank: Rank { link.rank }
    var ranks: [Rank] { link.ranks }
    var loop: any Loop { link.loop }

    func onChange(_ body: @escaping @Sendable (Rank, Presence) -> Void) { link.onChange(body) }
    func serve(_ responder: any Responder) { link.serve(TracedResponder(responder, rank, trace, tampering)) }

    func call(_ request: Request, at rank: Rank, timeoutMilliseconds: Int) async throws(LinkError) -> Reply {
        trace.note("\(self.rank) asks \(rank) \(brief(request))")
        if tampering.strays { await Task.detached {}.value }
        let patience = tampering.patienceMilliseconds(timeoutMilliseconds)
        do throws(LinkError) {
            let reply = tampering.arriving(try await link.call(request, at: rank, timeoutMilliseconds: patience))
            trace.note("\(self.rank) hears from \(rank) \(brief(reply))")
            return reply
        } catch {
            trace.note("\(self.rank) hears nothing from \(rank): \(error.reason)")
            throw error
        }
    }

    func load(
        _ run: ChunkRun, from rank: Rank, into slab: Slab, incomingSlab: IncomingSlab?, timeoutMilliseconds: Int
    ) async throws(LinkError) -> [PieceState] {
        trace.note("\(self.rank) loads from \(rank) \(run.pieces.count) pieces, \(run.byteCount) bytes")
        tampering.hoard?.add(slab)
        do throws(LinkError) {
            let states = try await link.load(
                run, from: rank, into: slab, incomingSlab: incomingSlab, timeoutMilliseconds: timeoutMilliseconds)
            trace.note("\(self.rank) loaded from \(rank) \(states.count { $0.hasBytes })")
            return states
        } catch {
            trace.note("\(self.rank) loaded nothing from \(rank): \(error.reason)")
            throw error
        }
    }

    func close() { link.close() }
}

private final class TracedResponder: Responder {
    private let responder: any Responder
    private let rank: Rank
    private let trace: Trace
    private let tampering: Tampering

    init(_ responder: any Responder, _ rank: Rank, _ trace: Trace, _ tampering: Tampering) {
        self.responder = responder
        self.rank = rank
        self.trace = trace
        self.tampering = tampering
    }

    func answer(_ request: Request, from asker: Rank) async -> Reply {
        trace.note("\(rank) is asked by \(asker) \(brief(request))")
        if let reply = tampering.instead(request) { return reply }
        let request = tampering.carriedOut(request)
        return tampering.leaving(await responder.answer(request, from: asker), request)
    }

    func supply(_ run: ChunkRun, to asker: Rank) async -> Supply {
        trace.note("\(rank) is loaded from by \(asker) \(run.pieces.count) pieces")
        return tampering.supplied(await responder.supply(run, to: asker), run)
    }
}

/// The kind and size of a message: store ids differ between runs, sizes do not.
private func brief(_ request: Request) -> String {
    let text: String =
        switch request {
        case .hello: "hello"
        case .delta(let head): "delta after \(head.state)"
        case .publish(let publication): "publish \(publication.entries.count)"
        case .hold(let holdings): "hold \(holdings.map(\.contents.count))"
        case .members: "members"
        case .loading(_, let begun): "loading \(begun)"
        case .doubt: "doubt"
        case .order(let order): "order \(word(order))"
        case .poll(let task): "poll \(task)"
        case .cancel(let task): "cancel \(task)"
        case .space: "space"
        case .identify(let offer, let spans): "identify \(offer.number) \(spans.count)"
        case .ping: "ping"
        case .offered(_, let page, let done): "offered \(page) \(done.count)"
        case .joined(let failures): "joined \(failures.map(\.kind))"
        case .withdrawn(let failure): "withdrawn \(failure.kind)"
        case .quit: "quit"
        case .underWay: "under way"
        case .sees: "sees"
        case .join: "join"
        case .wish(let wish): "wish \(wish.contents.count) \(wish.copies.number)"
        case .traced(let first): "traced from \(first)"
        case .pace(let offer, let spans): "pace \(offer) \(spans.count)"
        case .news(let state, _): "news after \(state)"
        }
    return "\(text), \(request.encoded.count) bytes"
}

private func brief(_ reply: Reply) -> String {
    let text: String =
        switch reply {
        case .done: "done"
        case .failed(let failure): "failed: \(failure.kind)"
        case .welcome(let number, let head): "welcome \(number) \(head.state)"
        case .records(let delta): "records \(delta.records.count) of \(delta.head.state)"
        case .published(let state, let verdicts): "published \(state) \(verdicts.count)"
        case .members(let members): "members \(members.filter(\.isAlive).map(\.rank))"
        case .loaders(let ranks): "loaders \(ranks)"
        case .working(let task, let progress): "working \(task) \(progress.bytes)/\(progress.totalBytes)"
        case .finished(let outcome): "finished \(word(outcome))"
        case .forked: "forked"
        case .space: "space"
        case .identified: "identified"
        case .underWay(let activity): "under way \(activity.commands.count)"
        case .traced(let page): "traced \(page.events.count)"
        case .offered(let page): "offered \(page.entries.count)"
        case .wait(let nanoseconds): "wait \(nanoseconds)"
        }
    if case .space = reply { return text }
    return "\(text), \(reply.encoded.count) bytes"
}

private func word(_ order: Order) -> String {
    switch order {
    case .ingest(let ingest): "ingest \(ingest.files.count)"
    case .settle(let settled): "settle \(settled.count)"
    case .place(let entries): "place \(entries.count)"
    case .restore(let entries): "restore \(entries.count)"
    case .fetch(let fetch): "fetch\(fetch.chain == nil ? "" : " in a chain")"
    case .verify: "verify"
    case .discard(let contents): "discard \(contents.count)"
    case .replicate(let replicate): "replicate \(replicate.wanted.count)"
    case .repair(let names): "repair \(names.count)"
    case .leave(let store): "leave \(store)"
    case .note(let entries): "note \(entries.count)"
    case .writeOut(let order): "write out \(order.name)"
    case .collect(let collect): "collect \(collect.items.count)"
    case .offer(let offering): "offer \(shown(offering.path))"
    case .recognise(let files): "recognise \(files.count)"
    case .remember(let files): "remember \(files.count)"
    case .inspect(let entries): "inspect \(entries.count)"
    }
}

private func word(_ outcome: Outcome) -> String {
    switch outcome {
    case .ingested(let files, _): "ingested \(files.count)"
    case .placed(let failures): "placed \(failures.map(\.kind))"
    case .restored(let failures, let warnings): "restored \(failures.map(\.kind)) \(warnings.count)"
    case .fetched(let fetched): "fetched \(fetched.files) \(fetched.failures.map(\.kind))"
    case .verified(let verified): "verified \(verified.contents) \(verified.corrupt) \(verified.failures.map(\.kind))"
    case .failed(let failure): "failed \(failure.kind)"
    case .repaired(let repaired): "repaired \(repaired.copies) \(repaired.failures.map(\.kind))"
    case .collected(let collected): "collected \(collected.failures.map(\.kind))"
    case .recognised(let files): "recognised \(files.count { $0.content != nil })"
    case .inspected(let positions): "inspected \(positions.count)"
    }
}
