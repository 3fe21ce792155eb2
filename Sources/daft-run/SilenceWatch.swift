// Reports silent ranks of a job in its output. If the metadata server stays silent, the data servers end, and so the
// job.

import DaftCommand
import DaftLink
import DaftModel
import DaftMPI
import DaftPlan

struct SilenceWatch: Sendable {
    private static let orphanSeconds: UInt32 = 60
    private let link: MPILink
    private let hosts: [String]
    private let write: @Sendable (String) async -> Void

    init(_ link: MPILink, _ hosts: [String], write: @escaping @Sendable (String) async -> Void) {
        self.link = link
        self.hosts = hosts
        self.write = write
    }

    /// Calls `end` when the metadata server has been silent for this long.
    func begin(orphanSeconds: UInt32?, end: @escaping @Sendable () async -> Void) {
        let seconds = orphanSeconds ?? SilenceWatch.orphanSeconds
        link.onChange { [self] rank, presence in
            if let line = line(rank, presence, orphanSeconds: seconds) { link.loop.start { await write(line) } }
        }
        link.onOrphaned(afterSeconds: seconds) { [self] in
            link.loop.start {
                if isSpeaker {
                    await write("nothing was heard of \(label(.metadataServer)) for \(seconds) s: this ends")
                }
                await end()
            }
        }
    }

    /// The metadata server reports on all others, and the first data server on the metadata server.
    private func line(_ rank: Rank, _ presence: Presence, orphanSeconds: UInt32) -> String? {
        guard link.rank == .metadataServer || rank == .metadataServer && isSpeaker else { return nil }
        if presence == .here { return "\(label(rank)) answers again" }
        let silence =
            "\(label(rank)) has not answered for \(FailureDetector.Patience().goneAfterMilliseconds / 1_000) s"
        return link.rank == .metadataServer
            ? "\(silence): going on without it" : "\(silence); after \(orphanSeconds) s this ends"
    }

    private var isSpeaker: Bool { link.ranks.first { $0 != .metadataServer } == link.rank }

    private func label(_ rank: Rank) -> String {
        let role = rank == .metadataServer ? "the metadata server, " : ""
        return "\(role)rank \(rank.number) on \(hosts[rank.number]),"
    }
}
