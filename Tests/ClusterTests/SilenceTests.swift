// A rank that dies while mpirun continues, and one that hangs: the others continue, the missing rank is named, the
// survivors complete, and the status reports the failure.
//
// A silent rank is given up after ten seconds, so all jobs of this suite run concurrently.

import Foundation
import Glibc
import Testing

@Suite(.serialized, .enabled(if: PretendedNodes.areAllowed)) struct SilenceTests {
    /// What happens to a rank of a job.
    struct Blow: Sendable {
        var signal = SIGKILL
        let rank: Int
        let command: String
        var options: [String] = []
        var mca = ["--enable-recovery"]
        var surroundings: [String] = []
        /// How much of the bytes is on disks before.
        var share = 1.0 / 8
        var largeBytes = 180 << 20
    }

    /// A network of this test's own, slow and with small buffers: bytes are queued in every sender at any moment.
    private static let crowdedNetwork = [
        "/usr/bin/unshare", "--net", "sh", "-c",
        """
        PATH=$PATH:/usr/sbin:/sbin && ip link set lo up && sysctl -qw net.ipv4.tcp_wmem='4096 16384 65536' &&
        tc qdisc add dev lo root tbf rate 800mbit burst 256k latency 50ms && exec "$0" "$@"
        """,
    ]

    private final class Struck {
        let nodes: PretendedNodes
        let job: Job
        let victim: pid_t

        init(_ blow: Blow) throws {
            nodes = try PretendedNodes(largeBytes: blow.largeBytes)
            let set = nodes.scratch["set"]
            let words =
                switch blow.command {
                case "bcast": ["bcast", set]
                case "get": ["get", "/set", "--to", nodes.scratch["out"]]
                default: ["fetch", "/set@n2"]
                }
            if blow.command == "get" { #expect(try nodes.run("diffuse", "--copies", "2", set).status == 0) }
            if blow.command == "fetch" {
                #expect(try nodes.run(input: "put \(set)@n1\nfetch /set@n3\n").status == 0)
            }
            let before = Struck.bytes(nodes)
            job = try nodes.start(blow.options + words, mca: blow.mca, surroundings: blow.surroundings)
            let deadline = Date().addingTimeInterval(20)
            let awaited = before + Int(Double(nodes.bytes) * blow.share)
            while !job.hasEnded, Struck.bytes(nodes) < awaited, Date() < deadline { usleep(5_000) }
            victim = try #require(job.ranks()[safe: blow.rank], "the job was over too soon")
            kill(victim, blow.signal)
        }

        deinit { kill(victim, SIGKILL) }

        private static func bytes(_ nodes: PretendedNodes) -> Int {
            let stores = PretendedNodes.data.map { nodes.written(below: nodes.store($0)) }.reduce(0, +)
            return stores + nodes.written(below: nodes.scratch["out"])
        }

        func end() -> JobEnd { job.end(withinSeconds: 60) }

        func lacks(_ place: String) throws -> String {
            try nodes.scratch.changes(from: "set", to: place, permissions: false)
        }
    }

    @Test func survivorsOfADeadRankHaveWhatTheyWereAskedFor() throws {
        let bcast = try Struck(Blow(rank: 2, command: "bcast"))
        let get = try Struck(Blow(rank: 2, command: "get"))
        let fetch = try Struck(Blow(rank: 3, command: "fetch"))
        let (bcastEnd, getEnd, fetchEnd) = (bcast.end(), get.end(), fetch.end())
        for (verb, end) in [("bcast", bcastEnd), ("get", getEnd), ("fetch", fetchEnd)] {
            #expect(end.numbers("milliseconds", of: verb).contains { $0 < 30_000 }, "\(end)")
        }
        let lacking = Set(bcastEnd.rows.compactMap { $0["node"] as? String })
        #expect(bcastEnd.status != 0 && lacking == ["n2"], "\(bcastEnd)")
        #expect(bcastEnd.errors.contains("rank 2 on n2, has not answered for 10 s"), "\(bcastEnd)")
        for host in ["n1", "n3"] {
            #expect(try bcast.lacks("store-\(host)/set") == "", "\(host)")
        }
        #expect(getEnd.status == 0, "\(getEnd)")
        #expect(try get.lacks("out") == "")
        #expect(fetchEnd.status == 0, "\(fetchEnd)")
        #expect(try fetch.lacks("store-n2/set") == "")
    }

    /// Open MPI 4.1 by itself ends each rank that has something queued for the dead one.
    @Test func aDeathOverTCPEndsNobodyElse() throws {
        let tcp = ["btl", "tcp,self", "btl_tcp_if_include", "lo", "oob_tcp_if_include", "lo"]
        let mca = ["--enable-recovery"] + stride(from: 0, to: tcp.count, by: 2).flatMap { ["--mca"] + tcp[$0...$0 + 1] }
        let struck = try [(2, 0.2), (3, 0.7), (3, 1.2), (2, 1.7)].map { rank, share in
            try Struck(
                Blow(
                    rank: rank, command: "bcast", mca: mca, surroundings: SilenceTests.crowdedNetwork, share: share,
                    largeBytes: 60 << 20))
        }
        for (struck, victim) in zip(struck, ["n2", "n3", "n3", "n2"]) {
            let end = struck.end()
            #expect(end.errors.contains("on \(victim), has not answered for 10 s") && end.status != 0, "\(end)")
            #expect(!end.errors.contains("FATAL"), "\(end)")
            for host in PretendedNodes.data where host != victim {
                #expect(try struck.lacks("store-\(host)/set") == "", "\(host): \(end)")
            }
        }
    }

    @Test func aRankThatHangsIsNamedAndNotWaitedFor() throws {
        let server = try Struck(Blow(signal: SIGSTOP, rank: 2, command: "bcast", mca: []))
        let first = try Struck(
            Blow(signal: SIGSTOP, rank: 0, command: "bcast", options: ["--orphan-timeout", "14s"], mca: []))
        let ends = [server.end(), first.end()]
        for end in ends { #expect(end.status == 6, "\(end)") }
        #expect(ends[0].errors.contains("rank 2 on n2, has not answered for 10 s: going on without it"), "\(ends)")
        for host in ["n1", "n3"] {
            #expect(try server.lacks("store-\(host)/set") == "", "\(host)")
        }
        #expect(
            ends[1].errors.contains(
                "the metadata server, rank 0 on n1, has not answered for 10 s; after 14 s this ends"), "\(ends)")
        #expect(ends[1].errors.contains("for 14 s: this ends"), "\(ends)")
    }
}

extension Array {
    fileprivate subscript(safe index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}
