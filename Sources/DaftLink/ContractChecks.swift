// The checks of the link contract: requests, loads, deadlines.

import DaftModel
import DaftWire
import Glibc
import Synchronization

extension LinkContract {
    static let checks: [(name: String, body: Check)] = [
        ("every rank answers, this one too", { await $0.everyRankAnswers() }),
        ("questions of one rank arrive in order", { await $0.questionsKeepTheirOrder() }),
        ("a thousand questions can be under way", { await $0.manyAreUnderWay() }),
        ("questions and answers may be large", { await $0.largeMessages() }),
        ("bytes land in their places and nowhere else", { await $0.bytesLand() }),
        ("a run may fill a large slab", { await $0.largeRuns() }),
        ("many runs can be under way both ways", { await $0.manyRuns() }),
        ("what is packed comes in fewer bytes", { await $0.packedRuns() }),
        ("what is still coming in is passed on", { await $0.relayedRuns() }),
        ("work without end keeps no answer out", { await $0.endlessWork() }),
        ("a question ends by its deadline", { await $0.questionsEnd() }),
        ("bytes that come too late hurt nobody", { await $0.lateBytes() }),
        ("a rank that is not there cannot be reached", { await $0.nobodyThere() }),
    ]

    // MARK: requests

    private func everyRankAnswers() async -> String? {
        for rank in link.ranks {
            let outcome = await outcome(.ping, rank, LinkContract.patience)
            if outcome != .success(.done) { return "\(rank): \(outcome)" }
        }
        return nil
    }

    private func questionsKeepTheirOrder() async -> String? {
        for rank in Set(peers + [link.rank]) {
            guard case .success(.working(_, let first)) = await outcome(.poll(task: 0), rank, LinkContract.patience)
            else { return "\(rank) does not answer" }
            let tasks = (1...200).map { number in
                link.loop.start { await outcome(.poll(task: UInt64(number)), rank, LinkContract.patience) }
            }
            for (index, task) in tasks.enumerated() {
                let expected = Progress(bytes: first.bytes + Int64(index) + 1)
                let outcome = await task.value
                if outcome != .success(.working(task: UInt64(index + 1), expected)) {
                    return "\(rank), question \(index + 1): \(outcome)"
                }
            }
        }
        return nil
    }

    private func manyAreUnderWay() async -> String? {
        let peers = peers
        let start = link.loop.now
        let tasks = (0..<1_000).map { number in
            link.loop.start {
                await outcome(
                    .identify(Offer(rank: link.rank, number: 200), []), peers[number % peers.count],
                    LinkContract.patience)
            }
        }
        for task in tasks {
            let outcome = await task.value
            if outcome != .success(.identified([])) { return "\(outcome)" }
        }
        if milliseconds(since: start) > 10_000 { return "they wait for one another" }
        return nil
    }

    private func largeMessages() async -> String? {
        let ids = (0..<100_000).map { number in
            let word = UInt64(number) &* 0x9e37_79b9_7f4a_7c15
            return withUnsafeBytes(of: (word, ~word, word, number)) { ChunkID($0) }
        }
        for rank in [peers[0], link.rank] {
            let answered = await outcome(.doubt(ids), rank, LinkContract.patience)
            if answered != .success(.identified([.ids(ids)])) { return "a large question to \(rank)" }
        }
        return nil
    }

    /// A loop with an endless supply of jobs still polls the network.
    private func endlessWork() async -> String? {
        let isOver = Mutex(false)
        let work = link.loop.start { while !isOver.withLock({ $0 }) { await Task.yield() } }
        let outcome = await outcome(.ping, peers[0], 5_000)
        isOver.withLock { $0 = true }
        await work.value
        return outcome == .success(.done) ? nil : "\(outcome)"
    }

    // MARK: bytes

    private func piece(_ file: Int, _ chunk: Int, _ length: Int, offer: UInt64 = 5) -> Piece {
        Piece(.offered(offer: offer, file: file), chunk: chunk, length: length)
    }

    /// Loads a run into a pattern-filled slab; returns where bytes are wrong.
    private func load(_ run: ChunkRun, from rank: Rank, expecting states: [PieceState]) async -> String? {
        let pool = SlabPool(totalBytes: run.byteCount + 8192, slabBytes: run.byteCount + 8192)
        let slab = await pool.take()
        slab.withMutableBytes { _ = $0.initializeMemory(as: UInt8.self, repeating: 0xa5) }
        let incomingSlab = IncomingSlab(slab)
        do throws(LinkError) {
            let reported = try await link.load(
                run, from: rank, into: slab, incomingSlab: incomingSlab, timeoutMilliseconds: LinkContract.patience)
            if reported != states { return "\(rank) says \(reported)" }
            if incomingSlab.states != states || !incomingSlab.isOver {
                return "\(rank): the landing heard nothing of it"
            }
        } catch {
            return "\(error)"
        }
        for (piece, (offset, state)) in zip(run.pieces, zip(run.offsets, states)) where state.hasBytes {
            let count = state.count(of: piece)
            if !slab.slice(offset, count).withBytes({ begins(contractBytes(of: piece), with: $0) }) {
                return "\(rank): a piece of \(piece.length) bytes is not what was asked for"
            }
        }
        let isUntouched = slab.withBytes {
            isFilled(UnsafeRawBufferPointer(rebasing: $0[run.byteCount...]), with: 0xa5)
        }
        return isUntouched ? nil : "\(rank): bytes behind the run were written"
    }

    /// For links with injectable receive errors: the affected load fails, a concurrent one from another rank does not.
    /// `failNext` makes the next receive from `rank` fail.
    public func checkFailedReceive(from rank: Rank, beside other: Rank, failNext: () -> Void) async -> Broken? {
        let name = "a failed receive fails its load alone"
        let run = ChunkRun((0..<8).map { piece(20, $0, 300_000) })
        let states = run.pieces.map { _ in PieceState.sent }
        failNext()
        let beside = link.loop.start { await load(run, from: other, expecting: states) }
        let failed = await load(run, from: rank, expecting: states)
        if failed != "\(LinkError.unreachable(rank))" {
            return Broken(check: name, what: failed ?? "what did not come was taken for arrived")
        }
        if let what = await beside.value { return Broken(check: name, what: what) }
        return await load(run, from: rank, expecting: states).map { Broken(check: name, what: "the next one: \($0)") }
    }

    /// For links with injectable poll errors: `fail` makes polls fail for a while.
    public func checkFailedLook(at rank: Rank, fail: () -> Void) async -> Broken? {
        let run = ChunkRun((0..<8).map { piece(20, $0, 300_000) })
        fail()
        let what = await load(run, from: rank, expecting: run.pieces.map { _ in .sent })
        return what.map { Broken(check: "a look at the network that fails loses nothing", what: $0) }
    }

    private func bytesLand() async -> String? {
        let pieces = [
            piece(7, 0, 4096), piece(ContractResponder.missing, 0, 5000), piece(8, 3, 1),
            piece(ContractResponder.changed, 1, 70_000), piece(9, 4, 65_537), piece(7, 1, 300_000),
        ]
        let states: [PieceState] = [.sent, .missing, .sent, .changed, .sent, .sent]
        for rank in peers + [link.rank] {
            if let what = await load(ChunkRun(pieces), from: rank, expecting: states) { return what }
            for index in pieces.indices {
                let what = await load(ChunkRun([pieces[index]]), from: rank, expecting: [states[index]])
                if let what { return what }
            }
        }
        return nil
    }

    private func largeRuns() async -> String? {
        let run = ChunkRun((0..<6).map { piece(10, $0, 1 << 20 | $0) })
        if let what = await load(run, from: peers[0], expecting: run.pieces.map { _ in .sent }) { return what }
        return nil
    }

    private func manyRuns() async -> String? {
        let peers = peers
        let tasks = (0..<64).map { number in
            link.loop.start {
                let run = ChunkRun([piece(20 + number, 0, 20_000), piece(20 + number, 1, number + 1)])
                return await load(run, from: peers[number % peers.count], expecting: [.sent, .sent])
            }
        }
        for task in tasks { if let what = await task.value { return what } }
        return nil
    }

    private func packedRuns() async -> String? {
        let run = ChunkRun(
            [(6, 5_000), (ContractResponder.packed, 300_000), (ContractResponder.packed, 4), (7, 70_000)].map {
                piece($0.0, 0, $0.1)
            }, compression: 1)
        let states: [PieceState] = [.sent, .packed(100_000, relayed: false), .packed(1, relayed: false), .sent]
        for rank in peers + [link.rank] { if let what = await load(run, from: rank, expecting: states) { return what } }
        return nil
    }

    private func relayedRuns() async -> String? {
        let run = ChunkRun((0..<5).map { piece(ContractResponder.relayed, $0, 100_000 + $0) })
        for rank in peers + [link.rank] {
            if let what = await load(run, from: rank, expecting: run.pieces.map { _ in .relayed }) { return what }
        }
        return nil
    }

    // MARK: deadlines

    private func questionsEnd() async -> String? {
        for rank in [peers[0], link.rank] {
            let start = link.loop.now
            let outcome = await outcome(.identify(Offer(rank: link.rank, number: 3_000), []), rank, 100)
            if outcome != .failure(.timedOut(rank, milliseconds: 100)) { return "\(rank): \(outcome)" }
            if !(90...2_000).contains(milliseconds(since: start)) {
                return "\(rank): that took \(milliseconds(since: start)) ms"
            }
        }
        return nil
    }

    /// After an error the slab still belongs to the link; late bytes must not damage the caller's next slab.
    private func lateBytes() async -> String? {
        let size = 1 << 20
        let pool = SlabPool(totalBytes: 2 * size, slabBytes: size)
        let error = await loadTooLate(size, into: await pool.take())
        if error != .timedOut(peers[0], milliseconds: 100) { return "no deadline: \(String(describing: error))" }
        let other = await pool.take()
        other.withMutableBytes { _ = $0.initializeMemory(as: UInt8.self, repeating: 0x5a) }
        await link.loop.sleep(milliseconds: 800)
        if !other.withBytes({ isFilled($0, with: 0x5a) }) { return "they were written into another slab" }
        let isBack = Mutex(false)
        link.loop.start {
            _ = await pool.take()
            isBack.withLock { $0 = true }
        }
        for _ in 0..<500 {
            if isBack.withLock({ $0 }) { return nil }
            await link.loop.sleep(milliseconds: 20)
        }
        return "the slab never comes back"
    }

    private func loadTooLate(_ size: Int, into slab: Slab) async -> LinkError? {
        let run = ChunkRun([piece(ContractResponder.late, 0, size, offer: 500)])
        do throws(LinkError) {
            _ = try await link.load(run, from: peers[0], into: slab, timeoutMilliseconds: 100)
            return nil
        } catch {
            return error
        }
    }

    private func nobodyThere() async -> String? {
        let nobody = Rank((link.ranks.map(\.number).max() ?? 0) + 1_000)
        let start = link.loop.now
        let outcome = await outcome(.ping, nobody, LinkContract.patience)
        if outcome != .failure(.unreachable(nobody)) { return "\(outcome)" }
        if milliseconds(since: start) > 5_000 { return "that took too long" }
        return nil
    }
}

// In a debug build memcmp is thousands of times faster than a byte loop.

private func begins(_ bytes: [UInt8], with others: UnsafeRawBufferPointer) -> Bool {
    guard let start = others.baseAddress, others.count <= bytes.count else { return others.isEmpty }
    return bytes.withUnsafeBytes { $0.baseAddress.map { memcmp($0, start, others.count) == 0 } ?? others.isEmpty }
}

private func isFilled(_ bytes: UnsafeRawBufferPointer, with byte: UInt8) -> Bool {
    guard let start = bytes.baseAddress, let first = bytes.first else { return true }
    return first == byte && memcmp(start, start + 1, bytes.count - 1) == 0
}
