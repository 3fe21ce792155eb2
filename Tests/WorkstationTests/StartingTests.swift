// daft start over real sshds, commands on the system, and its end.

import Foundation
import Glibc
import TestBox
import Testing
import TestPrograms

/// Serialized: all suites share one box.
@Suite(
    .serialized, .timeLimit(.minutes(5)),
    .enabled(if: obstacle == nil, "needs root and what tools/setup.sh lists"))
enum WorkstationTests {}

extension WorkstationTests {
    @Suite struct StartingTests {
        @Test func aHostFileMakesOneSystemThatEveryHostUsesAndQuitEndsAllOfIt() throws {
            let system = try System()
            let started = try system.start("# ours", "root@n1   # with a user", "", "n[2-4]")
            #expect(started.status == 0, "\(started)")
            #expect(started.output.contains("n0: metadata server\n"))
            for host in ["root@n1", "n2", "n3", "n4"] {
                #expect(started.output.contains("\(host): data server, store \(system.store)\n"), "\(started)")
            }
            #expect((0..<workstations).allSatisfy { system.nodes(on: $0).count == 1 })

            let before = (0..<workstations).map(system.nodes(on:))
            let again = try system.daft("start", system.sources + "/hosts")
            #expect(again.status == 0 && again.output.split(separator: "\n").count == 5, "\(again)")
            #expect(again.output.split(separator: "\n").allSatisfy { $0.hasSuffix(", ran already") }, "\(again)")
            #expect((0..<workstations).map(system.nodes(on:)) == before)
            for host in 1..<workstations {
                let copies = try system.box.shell("ls /root/.cache/daft", on: host).output
                #expect(copies.split(separator: "\n").count == 1, "\(copies)")
            }

            try use(system)

            #expect(try system.daft("quit", on: 2).status == 0)
            #expect(soon(seconds: 5) { system.nodes.isEmpty }, "\(system.nodes)")
            for host in 0..<workstations {
                let left = try system.box.shell(
                    "find / -xdev \\( -type s -o -name system \\) -path '*\(system.store)*'", on: host)
                #expect(left.output.isEmpty, "\(left)")
                let open = try system.box.shell("ss -Hltn 'sport != 22'", on: host)
                #expect(open.status == 0 && open.output.isEmpty, "\(open)")
            }
            #expect(try system.daft("ls").status == 6)
        }

        private func use(_ system: System) throws {
            let big = try noise(9_000_000)
            let small = Data("hello\n".utf8)
            for host in [0, 3] {
                let name = "from-\(host)"
                let tree = try system.source("\(name).big", big)
                _ = try system.source("\(name).small", small)
                #expect(try system.daft("put", "\(tree)@n2", on: host).status == 0)
                #expect(isSame(system.kept("/\(name).big", on: 2), big))
                #expect(try system.daft("bcast", system.sources + "/\(name).small", on: host).status == 0)
                for other in 1..<workstations { #expect(isSame(system.kept("/\(name).small", on: other), small)) }
                #expect(try system.daft("diffuse", tree, "--as", "/\(name).spread", on: host).status == 0)
            }
            for (host, name) in [(0, "from-3"), (1, "from-0"), (2, "from-3"), (4, "from-0")] {
                for kind in ["big", "spread"] {
                    let target = "\(system.sources)/got-\(host).\(kind)"
                    let got = try system.daft("get", "/\(name).\(kind)", "--to", target, on: host)
                    #expect(got.status == 0, "\(got)")
                    #expect(isSame(system.bytes(target, on: host), big))
                }
                #expect(try system.daft("cat", "/\(name).small", on: host).output == "hello\n")
                #expect(try system.daft("verify", on: host).status == 0)
            }
            #expect(try system.daft("fetch", "/from-0.spread@n4", on: 1).status == 0)
            #expect(isSame(system.kept("/from-0.spread", on: 4), big))
            let listed = try system.daft("ls", "-l", on: 4)
            #expect(listed.output.contains("  9000000  "), "\(listed)")
            let everywhere = listed.output.split(separator: "\n").filter { $0.contains("all 4 nodes") }
            #expect(everywhere.count == 2 && everywhere.allSatisfy { $0.hasSuffix(".small") }, "\(listed)")
        }

        @Test func hostsThatCannotBeHadAreNamedWithWhatSshSaidAndTheOthersRun() throws {
            let system = try System()
            try system.box.shell("kill $(cat /run/sshd.pid)", on: 3)
            // No name server, instead of one that does not answer.
            try system.box.shell(": > /etc/resolv.conf", on: 0)
            defer { _ = try? system.box.shell("/usr/sbin/sshd -f /etc/ssh/box_sshd_config", on: 3) }
            let started = try system.start("n1", "nowhere", "n3", "nobody@n4")
            #expect(started.status == 1, "\(started)")
            #expect(started.output.contains("n1: data server"))
            for words in [
                "nowhere: Could not resolve hostname nowhere: ", "n3: connect to host n3 port 22: Connection refused",
                "nobody@n4: Permission denied (publickey",
            ] {
                #expect(started.errors.contains(words), "\(started.errors)")
            }
            #expect(started.errors.contains("1 of 4 data servers run;"), "\(started.errors)")
            #expect(try system.daft("put", system.source("a", Data("a".utf8))).status == 0)
            #expect(isSame(system.kept("/a", on: 1), Data("a".utf8)))
            #expect(try system.daft("quit").status == 0)
            #expect(soon { system.nodes.isEmpty })

            let none = try system.daft("start", system.sources + "/hosts", "--all-or-nothing")
            #expect(none.status == 1 && none.errors.contains("nothing runs"), "\(none)")
            #expect(soon(seconds: 5) { system.nodes.isEmpty })
            #expect(!system.exists(system.store + ".mds/system", on: 0))
        }

        @Test func theNodesOutliveTheTerminalAndTheSessionTheyWereStartedIn() throws {
            let system = try System()
            try "n[1-4]".write(toFile: system.sources + "/hosts", atomically: true, encoding: .utf8)
            let command = "\(system.box.common)/daft --store \(system.store) start \(system.sources)/hosts"
            // Over ssh with a terminal, whose end sends a hangup to its session.
            let started = try system.box.shell("ssh -tt n0 \(command)", on: 3)
            #expect(started.status == 0, "\(started)")
            #expect((0..<workstations).allSatisfy { system.nodes(on: $0).count == 1 })
            let sessions = { try system.box.shell("pgrep -f '^sshd: root' | wc -l", on: 0).output == "0\n" }
            #expect(try soon(sessions))
            for host in 0..<workstations {
                let files = try system.box.shell("readlink /proc/$(pgrep -x daft-node)/fd/[012]; pwd", on: host)
                #expect(!files.output.contains("pts") && !files.output.contains("pipe"), "\(files)")
            }
            let bytes = try noise(1_000_000)
            #expect(try system.daft(["bcast", system.source("a", bytes)], on: 4).status == 0)
            for host in 1..<workstations { #expect(isSame(system.kept("/a", on: host), bytes)) }
            #expect(try system.daft("quit", on: 1).status == 0)
            #expect(soon(seconds: 5) { system.nodes.isEmpty })
        }

        @Test func whoHearsOfNoMetadataServerForTooLongEndsAndKeepsItsFiles() throws {
            let system = try System()
            #expect(try system.start("n[1-4]", options: ["--orphan-timeout", "5s"]).status == 0)
            let bytes = try noise(1_000_000)
            #expect(try system.daft("bcast", system.source("a", bytes)).status == 0)
            let metadataServer = try #require(system.nodes(on: 0).first)
            usleep(6_000_000)
            #expect(system.nodes.count == 5)
            kill(metadataServer, SIGKILL)
            #expect(soon(seconds: 15) { system.nodes.isEmpty }, "\(system.nodes)")
            for host in 1..<workstations {
                #expect(isSame(system.kept("/a", on: host), bytes))
                #expect(system.log(on: host).contains("nothing was heard of the metadata server for 5 s"))
            }
        }

        @Test func hostsJoinLaterAndLeaveBeforeTheEnd() throws {
            let system = try System()
            #expect(try system.start("n[1-3]").status == 0)
            let bytes = try noise(5_000_000)
            let file = try system.source("a", bytes)
            #expect(try system.daft("put", file + "@n2").status == 0)
            let joined = try system.daft("join", "n4")
            #expect(
                joined.status == 0 && joined.output.hasSuffix("n4: data server, store \(system.store)\n"), "\(joined)")
            let sent = try system.daft("bcast", file, "--as", "/b", on: 4)
            #expect(sent.status == 0, "\(sent)")
            #expect(isSame(system.kept("/b", on: 4), bytes))

            let left = try system.daft("leave", "n2", on: 1)
            #expect(left.status == 0, "\(left)")
            #expect(soon { system.nodes(on: 2).isEmpty })
            #expect(try system.daft("verify", "/a").status == 0)
            #expect(try system.daft("get", "/a", "--to", system.sources + "/got").status == 0)
            #expect(isSame(system.bytes(system.sources + "/got", on: 0), bytes))
            #expect(try !system.daft("ls", "-l", "/a").output.contains("n2"))
            let back = try system.daft("join", "n2")
            #expect(back.status == 0, "\(back)")
            #expect(try system.line(of: 2).contains("alive"))
            #expect(try system.daft("quit").status == 0)
            #expect(soon(seconds: 5) { system.nodes.isEmpty })
        }

        @Test func aDataServerThatLeavesEndsItsClientsAsTheEndOfASystemDoesAndTheLeaveItselfIsDone() throws {
            let system = try System()
            #expect(try system.start("n[1-3]").status == 0)
            let file = try system.source("a", try noise(30_000_000))
            #expect(try system.daft("put", file + "@n1").status == 0)
            try system.limit("20mbit")
            let get = try system.begin(["get", "/a", "--to", system.sources + "/got"], on: 2)
            usleep(1_500_000)
            #expect(!get.hasEnded)
            let left = try system.daft("leave", "n2", on: 2)
            #expect(left.status == 0 && left.output.contains("n2"), "\(left)")
            let ended = get.wait()
            #expect(ended.status == 6, "\(ended)")
            #expect(ended.errors.contains("the daft that served it has ended"), "\(ended)")
            #expect(soon { system.nodes(on: 2).isEmpty })
            try system.limit("0")
            #expect(try system.daft("quit").status == 0)
        }
    }
}
