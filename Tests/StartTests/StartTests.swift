// daft start and daft join, with a shell script instead of ssh.

import Foundation
import Glibc
import Testing
import TestPrograms

@Suite(.serialized) struct StartingTests {
    @Test func everyHostRunsADataServerAndHasTheProgramOnce() throws {
        let site = try Site()
        let first = try site.run("start", try site.hosts("n1", "n2"))
        #expect(first.status == 0, "\(first.errors)")
        #expect(first.output.contains(": metadata server"))
        for host in ["n1", "n2"] {
            #expect(first.output.contains("\(host): data server, store \(site.path)/tmp-\(host)/"))
        }
        #expect(first.errors.contains("2 of 2 data servers run"))
        #expect(site.nodes.count == 3)
        let copies = site.cached("home-n1")
        #expect(copies.count == 1 && copies[0].hasPrefix("daft-"), "\(copies)")
        let inode = site.inode(copies[0], in: "home-n1")
        site.endNodes()
        #expect(try site.run("start", site.path + "/hosts").status == 0)
        #expect(site.cached("home-n1") == copies)
        #expect(site.inode(copies[0], in: "home-n1") == inode, "copied again")
    }

    @Test func aDamagedCopyIsReplaced() throws {
        let site = try Site()
        #expect(try site.run("start", try site.hosts("n1")).status == 0)
        site.endNodes()
        let name = try #require(site.cached("home-n1").first)
        try "damaged".write(
            toFile: "\(site.path)/home-n1/.cache/daft/\(name)", atomically: true, encoding: .utf8)
        let again = try site.run("start", site.path + "/hosts")
        #expect(again.status == 0, "\(again.errors)")
        #expect(site.cached("home-n1") == [name])
    }

    @Test func nodesThatShareAHomeDoNotHarmOneAnother() throws {
        let site = try Site(trouble: "HOME=$site/home; mkdir -p $HOME")
        let ended = try site.run("start", try site.hosts("n[1-6]"))
        #expect(ended.status == 0, "\(ended.errors)")
        #expect(site.cached("home").count == 1, "\(site.cached("home"))")
    }

    @Test func theSystemIsWrittenDownForItsOwnerAlone() throws {
        let site = try Site()
        #expect(try site.run("start", try site.hosts("n1")).status == 0)
        var status = stat()
        #expect(lstat(site.path + "/catalogue/system", &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        chmod(site.path + "/catalogue/system", 0o644)
        let refused = try site.run("join", "n2")
        #expect(refused.status == 1 && refused.errors.contains("others than you"), "\(refused.errors)")
    }

    @Test func whoJoinsGetsTheNextRankAndWhoIsKnownKeepsIts() throws {
        let site = try Site()
        let none = try site.run("join", "n3")
        #expect(none.status == 1 && none.errors.contains("no system was started from here"), "\(none.errors)")
        let started = try site.run("start", try site.hosts("n1", "n2"), "--json")
        #expect(started.status == 0, "\(started)")
        #expect(try checked(started.output, in: site.path).errors == "")
        let joined = try site.run("join", "n3", "n2", "--json")
        #expect(joined.status == 0, "\(joined.errors)")
        #expect(joined.output.contains("\"node\":\"n3\",\"rank\":3,"), "\(joined.output)")
        #expect(joined.output.contains("\"node\":\"n2\",\"rank\":2,"), "\(joined.output)")
    }

    @Test func whatIsWrongWithTheWordsIsSaidBeforeAnythingStarts() throws {
        let site = try Site()
        let table = [
            (["start"], 2, "usage: daft start HOSTFILE"), (["join"], 2, "usage: daft join HOST…"),
            (["start", "nowhere"], 1, "nowhere: No such file or directory"),
            (["start", try site.hosts("n1", "n2 -x")], 2, "/hosts:2:4: one host a line"),
            (["join", "-n"], 2, "unknown option `-n`"), (["join", "n1", "N1"], 2, "join:2:1: N1 stands in line 1"),
            (["start", "hosts", "--copies", "300"], 2, "no number from 1 to 255"),
            (["start", "hosts", "--store", "s"], 2, "no absolute path"),
            (["start", "hosts", "--launch-timeout", "soon"], 2, "no time, as 10s, 5m, 24h"),
            (["start", "hosts", "--encrypt", "--no-encrypt"], 2, "does not go with"),
        ]
        for (words, status, message) in table {
            let ended = try site.begin(words).wait()
            #expect(ended.status == Int32(status) && ended.errors.contains(message), "\(words): \(ended)")
        }
        #expect(site.nodes.isEmpty)
    }
}

@Suite(.serialized) struct FailingStartTests {
    @Test func hostsThatCannotBeReachedAreNamedAndTheOthersRun() throws {
        let site = try Site(
            trouble: """
                case $host in
                n2) echo "ssh: Could not resolve hostname n2: Name or service not known" >&2; exit 255;;
                n3) printf '\\033[1mBanner\\033[0m\\nn3: Permission denied (publickey).\\n' >&2; exit 255;;
                n4) exit 7;;
                esac
                """)
        let ended = try site.run("start", try site.hosts("n[1-4]"))
        #expect(ended.status == 1)
        #expect(ended.output.contains("n1: data server"))
        #expect(ended.errors.contains("daft: n2: Could not resolve hostname n2: Name or service not known\n"))
        #expect(ended.errors.contains("daft: n3: n3: Permission denied (publickey)."), "\(ended.errors)")
        #expect(ended.errors.contains("daft: n4: nothing was said, but it ended with status 7"))
        #expect(ended.errors.contains("1 of 4 data servers run"))
    }

    @Test func aHostThatHangsIsGivenUp() throws {
        let site = try Site(trouble: #"[ $host = n2 ] && { sleep 60 & wait; }"#)
        let begun = Date()
        let ended = try site.run("start", try site.hosts("n1", "n2"), "--launch-timeout", "1s")
        #expect(ended.status == 1 && ended.errors.contains("n2: nothing was heard of it for 2.0 s"), "\(ended.errors)")
        #expect(Date().timeIntervalSince(begun) < 15)
        let process = try #require(pid_t(site.text(site.path + "/ssh-n2").dropLast()))
        #expect(!runs(process))
    }

    @Test func allOrNothingIsNothingWhereOneFails() throws {
        let site = try Site(trouble: "[ $host = n2 ] && exit 3")
        let ended = try site.run("start", try site.hosts("n1", "n2"), "--all-or-nothing")
        #expect(ended.status == 1 && ended.errors.contains("nothing runs"), "\(ended.errors)")
        let deadline = Date().addingTimeInterval(10)
        while site.nodes.contains(where: runs), Date() < deadline { usleep(5_000) }
        #expect(!site.nodes.contains(where: runs))
        #expect(!FileManager.default.fileExists(atPath: site.path + "/catalogue/system"))
    }

    @Test func aStartThatReachesNobodyDoesNotForsakeTheDataServersThatWait() throws {
        let site = try Site(trouble: "[ -e $site/cut ] && exit 255")
        let start = { try site.run("start", try site.hosts("n1"), "--launch-timeout", "2s") }
        #expect(try start().status == 0)
        let server = try #require(site.nodes.first { site.text("/proc/\($0)/environ").contains("/home-n1") })
        let others = site.nodes.filter { $0 != server }
        #expect(others.count == 1)
        for metadataServer in others { kill(metadataServer, SIGKILL) }
        let deadline = Date().addingTimeInterval(10)
        while others.contains(where: runs), Date() < deadline { usleep(5_000) }
        FileManager.default.createFile(atPath: site.path + "/cut", contents: nil)
        let cut = try start()
        #expect(cut.status == 1 && cut.errors.contains("wait for another `daft start`"), "\(cut)")
        try FileManager.default.removeItem(atPath: site.path + "/cut")
        let again = try start()
        #expect(again.status == 0, "\(again)")
        #expect(site.nodes.contains(server))
    }

    @Test func anInterruptedStartLeavesNoSshBehind() throws {
        let site = try Site(trouble: #"sleep 60 & wait"#)
        let start = try site.begin(["start", try site.hosts("n1", "n2")])
        let files = ["n1", "n2"].map { "\(site.path)/ssh-\($0)" }
        start.wait { files.allSatisfy { site.text($0).hasSuffix("\n") } }
        start.signal(SIGINT)
        let ended = start.wait()
        #expect(ended.status == 130, "\(ended)")
        for file in files {
            let process = try #require(pid_t(site.text(file).dropLast()))
            #expect(!runs(process))
        }
    }

    @Test func aProgramThatIsCutShortIsNotKept() throws {
        let site = try Site(trouble: #"[ $host = n1 ] && { head -c 100000 | sh -c "$3"; exit; }"#)
        let ended = try site.run("start", try site.hosts("n1", "n2"))
        #expect(ended.status == 1 && ended.errors.contains("the program arrived damaged"), "\(ended.errors)")
        #expect(site.cached("home-n1").isEmpty)
    }
}
