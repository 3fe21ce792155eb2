// The contract of links as executable checks, with several ranks in one process or one each: rank 0 checks, the others
// serve until it ends.
//
//     if link.rank == Rank(0) { broken = await LinkContract(link).run() } else { await LinkContract.serve(link) }
//
// Call both on the link's loop. Every check has a timeout, so that a broken link fails instead of hanging.

import DaftModel
import DaftWire

public struct LinkContract: Sendable {
    /// A violated promise.
    public struct Broken: Error, CustomStringConvertible {
        public let check: String
        public let what: String

        public var description: String { "\(check): \(what)" }
    }

    /// Returns nil, or what went wrong.
    typealias Check = @Sendable (LinkContract) async -> String?

    static let patience = 20_000

    let link: any Link
    private let responder: ContractResponder

    public init(_ link: any Link) {
        self.link = link
        responder = ContractResponder(on: link.loop)
    }

    /// Serves checks on another rank until they end.
    public static func serve(_ link: any Link) async {
        let responder = ContractResponder(on: link.loop)
        await link.loop.sleep(milliseconds: 100)  // earlier requests must wait
        link.serve(responder)
        await responder.awaitEnd()
    }

    /// All checks, in order.
    public static var names: [String] { checks.map(\.name) }

    /// Runs these checks, ends the other ranks' part, then closes this link; returns violations.
    public func run(_ names: [String] = LinkContract.names) async -> [Broken] {
        link.serve(responder)
        var broken: [Broken] = []
        for check in LinkContract.checks where names.contains(check.name) {
            if let what = await check.body(self) { broken.append(Broken(check: check.name, what: what)) }
        }
        for rank in link.ranks where rank != link.rank {
            // The checks have reported what is broken; a rank that misses this does not reply.
            _ = try? await link.call(
                .cancel(task: ContractResponder.end), at: rank, timeoutMilliseconds: LinkContract.patience)
        }
        if let what = await closing() { broken.append(Broken(check: "closing ends what is under way", what: what)) }
        return broken
    }

    /// For links whose ranks can be killed: pending and later requests to a dead rank fail. Must be the last check;
    /// `kill` ends the rank.
    public func checkDeath(of rank: Rank, kill: @Sendable () -> Void) async -> Broken? {
        let name = "a dead rank cannot be reached"
        let asked = link.loop.start {
            await outcome(.identify(Offer(rank: link.rank, number: 15_000), []), rank, LinkContract.patience)
        }
        await link.loop.sleep(milliseconds: 100)
        let start = link.loop.now
        kill()
        for outcome in [await asked.value, await outcome(.ping, rank, LinkContract.patience)]
        where outcome != .failure(.unreachable(rank)) {
            return Broken(check: name, what: "\(outcome)")
        }
        if link.ranks.contains(rank) { return Broken(check: name, what: "it is still said to be alive") }
        return milliseconds(since: start) > 10_000 ? Broken(check: name, what: "that took too long") : nil
    }

    /// Pending and later requests fail when the link is closed.
    private func closing() async -> String? {
        let asked = link.loop.start {
            await outcome(.identify(Offer(rank: link.rank, number: 15_000), []), link.rank, LinkContract.patience)
        }
        await link.loop.sleep(milliseconds: 50)
        let start = link.loop.now
        link.close()
        for outcome in [await asked.value, await outcome(.ping, link.rank, 1_000)] where outcome != .failure(.closed) {
            return "\(outcome)"
        }
        return milliseconds(since: start) > 5_000 ? "that took too long" : nil
    }

    // MARK: helpers of checks

    /// The other ranks, or this one if it is alone.
    var peers: [Rank] {
        let others = link.ranks.filter { $0 != link.rank }
        return others.isEmpty ? [link.rank] : others
    }

    func outcome(_ request: Request, _ rank: Rank, _ timeoutMilliseconds: Int) async -> Result<Reply, LinkError> {
        do throws(LinkError) {
            return .success(try await link.call(request, at: rank, timeoutMilliseconds: timeoutMilliseconds))
        } catch {
            return .failure(error)
        }
    }

    func milliseconds(since start: Nanoseconds) -> Int { Int((link.loop.now - start) / 1_000_000) }
}
