// The nodes of a job, and the command line that starts a system on them.
import DaftCommand
import DaftModel
import Testing

private func listed(_ text: String) throws(Failure) -> [String] {
    try JobNodes(list: text.utf8, variable: "SLURM_JOB_NODELIST").names
}

private func filed(_ text: String) throws(Failure) -> [String] { try JobNodes(file: text.utf8, path: "nodes").names }

private func complaint(_ body: () throws(Failure) -> [String]) -> String? {
    do throws(Failure) {
        _ = try body()
        return nil
    } catch { return "\(error)" }
}

private func text(_ line: [[UInt8]]) -> String { String(decoding: shellLine(line), as: UTF8.self) }

@Suite struct JobNodesTests {
    @Test(
        arguments: [
            ("n1", ["n1"]), ("n[1-3,07-09],m4", ["n1", "n2", "n3", "n07", "n08", "n09", "m4"]),
            ("a,b,c", ["a", "b", "c"]), ("r[1-2]n[1,3]", ["r1n1", "r1n3", "r2n1", "r2n3"]),
            ("gpu-[08-11]-ib.site,n1", ["gpu-08-ib.site", "gpu-09-ib.site", "gpu-10-ib.site", "gpu-11-ib.site", "n1"]),
        ] as [(String, [String])])
    func aListOfSlurmIsReadInItsOrder(list: String, nodes: [String]) throws {
        #expect(try listed(list) == nodes)
    }

    @Test(
        arguments: [
            ("a\na\nb\nb\na\n", ["a", "b"]), ("b.site.org\r\n\r\na.site.org", ["b.site.org", "a.site.org"]),
            ("# mine\na slots=4\nb slots=4 max_slots=8", ["a", "b"]), ("n[1-2]\nn2\nn3", ["n1", "n2", "n3"]),
        ] as [(String, [String])])
    func aFileWithALineForEachCoreGivesEachNodeOnce(text: String, nodes: [String]) throws {
        #expect(try filed(text) == nodes)
    }

    @Test func whatIsWrongIsSaidWithItsPlace() {
        #expect(complaint { () throws(Failure) in try filed("#\n \n") } == "nodes: there is no node in it")
        #expect(
            complaint { () throws(Failure) in try filed("a\nb c") } == "nodes:2: one node a line: `c` is one too many")
        #expect(
            complaint { () throws(Failure) in try filed("me@a") }?.hasPrefix("nodes:1: me@a: a user or a port") == true)
        #expect(complaint { () throws(Failure) in try filed("-oProxyCommand=x") }?.contains("begin with -") == true)
        #expect(complaint { () throws(Failure) in try listed("n[1-") }?.hasPrefix("SLURM_JOB_NODELIST: `n[1-`") == true)
        #expect(complaint { () throws(Failure) in try listed("a,,b") }?.contains("no host") == true)
        #expect(complaint { () throws(Failure) in try listed("n[1-4095],m[1-2]") }?.contains("more than 4096") == true)
    }

    @Test func theNodeOfTheCommandComesFirst() throws {
        let nodes = try JobNodes(list: "n1.x,n2.x,n3.x".utf8, variable: "")
        #expect(nodes.beginning(with: "n2").names == ["n2.x", "n1.x", "n3.x"])
        #expect(nodes.beginning(with: "N3.y").names == ["n3.x", "n1.x", "n2.x"])
        #expect(nodes.beginning(with: "login").names == ["n1.x", "n2.x", "n3.x"])
        let addresses = try JobNodes(list: "10.0.0.1,10.0.0.2".utf8, variable: "")
        #expect(addresses.beginning(with: "10.0.0.2").names == ["10.0.0.2", "10.0.0.1"])
    }
}

@Suite struct LaunchLineTests {
    private func line(_ list: String, _ count: Int = 1, _ program: String...) throws -> LaunchLine {
        LaunchLine(
            nodes: try JobNodes(list: list.utf8, variable: ""), serversPerNode: count,
            program: program.map { Array($0.utf8) })
    }

    @Test func srunIsToldWhereEachRankRuns() throws {
        let start = "srun --mpi=pmix --overlap --overcommit --disable-status --distribution=arbitrary --input=0 "
        #expect(try text(line("n[1-3]", 1, "/d", "ls").srun()) == start + "--nodelist=n1,n1,n2,n3 --ntasks=4 /d ls")
        #expect(try text(line("a,b", 2, "/d").srun()) == start + "--nodelist=a,a,a,b,b --ntasks=5 /d")
        #expect(try text(line("a", 1, "/d").srun(onTerminal: true)).contains("=arbitrary --pty --nodelist=a,a "))
        #expect(try text(line("a", 1, "/d").srun()) == start + "--nodelist=a,a --ntasks=2 /d")
    }

    @Test func mpirunIsToldHowManyEachNodeHas() throws {
        let start = "mpirun --bind-to none --oversubscribe --map-by slot "
        #expect(
            try text(line("a,b,c", 1, "/d", "put", "a b").mpirun(agent: nil))
                == start + "--host a:2,b:1,c:1 -np 4 /d put 'a b'")
        #expect(
            try text(line("a,b", 3, "/d").mpirun(agent: "ssh"))
                == start + "--mca plm_rsh_agent ssh --host a:4,b:3 -np 7 /d")
    }

    @Test func anotherProgramHasNoRankBesides() throws {
        let two = LaunchLine(
            nodes: try JobNodes(list: "a,b".utf8, variable: ""), tasksPerNode: 2, program: [Array("ls".utf8)])
        #expect(
            text(two.srun())
                == "srun --overlap --overcommit --disable-status --distribution=arbitrary --input=0 "
                + "--nodelist=a,a,b,b --ntasks=4 ls")
        #expect(
            text(two.mpirun(Array("/opt/mpi/bin/mpirun".utf8), variables: ["A", "B"]))
                == "/opt/mpi/bin/mpirun --bind-to none --oversubscribe --map-by slot -x A -x B --host a:2,b:2 -np 4 ls")
    }

    @Test func aShellReadsTheWordsBack() {
        #expect(text([Array("it's".utf8), [], Array("$x".utf8), Array("a=b".utf8)]) == "'it'\\''s' '' '$x' a=b")
    }
}
