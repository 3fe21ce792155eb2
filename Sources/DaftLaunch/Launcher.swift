// Starts node processes: on other hosts in parallel over the system's ssh, and on this machine.

import DaftLink
import DaftModel
import DaftWire
import Glibc
import Synchronization

public final class Launcher: Sendable {
    public typealias Outcome = Result<NodeReport, Failure>

    /// How hosts are reached.
    public struct Way: Sendable {
        /// The ssh program and its leading options.
        public var ssh = ["ssh"]
        /// A host is given up after this long without output.
        public var patienceSeconds = 20
        /// Hosts contacted in parallel.
        public var hostsAtOnce = 32
        /// A descriptor that, once readable, cancels everything; -1: none.
        public var wake: Int32 = -1

        public init() {}
    }

    /// Added to ssh's own timeout, whose message is more specific.
    private static let moreMilliseconds = 1_000

    private let way: Way
    private let program: OwnProgram

    public init(_ way: Way = Way()) throws(Failure) {
        self.way = way
        program = try OwnProgram()
        // A write to a closed pipe must return an error instead of raising a signal.
        Glibc.signal(SIGPIPE, SIG_IGN)
    }

    /// Starts a node on each host. `report` gets each outcome with its index as it arrives, one at a time, on any
    /// thread.
    /// Blocks until all are known.
    public func launch(_ nodes: [(host: Host, order: NodeOrder)], _ report: @escaping @Sendable (Int, Outcome) -> Void)
    {
        let round = HostQueue(count: nodes.count, report)
        let threads = (0..<min(nodes.count, way.hostsAtOnce)).map { _ in
            OwnThread("daft-launch") { [self] in
                while let index = round.next() {
                    round.finish(index, launch(nodes[index].order, on: nodes[index].host))
                }
            }
        }
        for thread in threads { thread.join() }
    }

    /// Like `launch`, as a stream of outcomes.
    public func launching(_ nodes: [(host: Host, order: NodeOrder)]) -> AsyncStream<(index: Int, outcome: Outcome)> {
        let (stream, continuation) = AsyncStream.makeStream(of: (index: Int, outcome: Outcome).self)
        _ = OwnThread("daft-launch") { [self] in
            launch(nodes) { continuation.yield((index: $0, outcome: $1)) }
            continuation.finish()
        }
        return stream
    }

    private func launch(_ order: NodeOrder, on host: Host) -> Outcome {
        let command = NodeScript.command(
            digest: program.digest, size: program.bytes.count, token: UniqueID.random().hex)
        do throws(Failure) {
            let child = try Child(words(for: host, command), .group, errors: .piped)
            let talk = NodeDialogue(
                child, order, program: program, patienceMilliseconds: patienceMilliseconds, until: way.wake)
            return .success(try talk.run().get())
        } catch {
            return .failure(error.at("\(host)"))
        }
    }

    /// Ends a node just started; returns the failure, if any.
    public func end(_ report: NodeReport, on host: Host) -> Failure? {
        do throws(Failure) {
            let child = try Child(words(for: host, NodeScript.end(report.pid)), .group, errors: .inherited)
            child.closeInput()
            let ended = child.end(withinMilliseconds: patienceMilliseconds)
            child.finish(patienceMilliseconds: 0)
            if ended == .status(0) { return nil }
            throw Failure(.failed, [], "could not be ended: " + (ended?.description ?? "ssh goes on"))
        } catch {
            return error.at("\(host)")
        }
    }

    private var patienceMilliseconds: Int { way.patienceSeconds * 1_000 + Launcher.moreMilliseconds }

    private func words(for host: Host, _ command: String) -> [String] {
        let port = host.port == 0 ? [] : ["-p", "\(host.port)"]
        let person = host.user.isEmpty ? "" : host.user + "@"
        return way.ssh + ["-o", "BatchMode=yes", "-o", "ConnectTimeout=\(way.patienceSeconds)", "-T", "-x"] + port
            + ["--", person + host.name, command]
    }
}

/// Distributes hosts to threads and serializes their outcomes.
private final class HostQueue: Sendable {
    private let count: Int
    private let begun = Atomic(0)
    private let reporting = Mutex(())
    private let report: @Sendable (Int, Launcher.Outcome) -> Void

    init(count: Int, _ report: @escaping @Sendable (Int, Launcher.Outcome) -> Void) {
        self.count = count
        self.report = report
    }

    func next() -> Int? {
        let index = begun.add(1, ordering: .relaxed).oldValue
        return index < count ? index : nil
    }

    func finish(_ index: Int, _ outcome: Launcher.Outcome) { reporting.withLock { _ in report(index, outcome) } }
}
