// The README's multi-node sessions: on a box's hosts as an unprivileged user over real sshds; and in a job, of which
// only the batch system's variables are simulated.

import Foundation
import TestBox
import Testing
import TestPrograms

private let hosts = 4
private let obstacle = Box.obstacle(for: "ReadmeTests of several nodes")

@Suite(.serialized, .timeLimit(.minutes(2)), .enabled(if: obstacle == nil, "needs root and what tools/setup.sh lists"))
struct NodesTests {
    /// With an account that can log in to every host, and the sessions' preconditions.
    private static let box = Result {
        let box = try Box(hosts: hosts, network: "10.79.0", programs: ["daft-run", "daft"])
        let set = box.common + "/lustre/me/set"
        try FileManager.default.createDirectory(atPath: set, withIntermediateDirectories: true)
        try noise(30 << 20).write(to: URL(filePath: set + "/train.bin"))
        for host in 0..<hosts {
            let made = try box.shell(
                """
                useradd --password '*' --create-home me && cp -r /root/.ssh /home/me && ln -s \(box.common)/lustre / &&
                cp \(box.common)/daft* /usr/bin && chown -R me: /home/me/.ssh
                """, on: host)
            guard made.status == 0 else { throw NoBox(program: "useradd", reason: made.errors) }
        }
        return box
    }

    /// Runs the steps below a heading as that account in its home on a host.
    private func run(_ heading: String, on host: Int, variables: [String] = []) throws -> ([Step], Ended) {
        let steps = Readme.steps(under: heading).filter { !isRunElsewhere($0) }
        try #require(steps.count > 3)
        let box = try Self.box.get()
        let account = ["setpriv", "--reuid=me", "--regid=me", "--init-groups", "env", "-i", "-C", "/home/me"]
        let own = ["HOME=/home/me", "USER=me", "PATH=/usr/bin:/bin"]
        let shell = ["bash", "-c", script(of: steps)]
        return (steps, try box.start(account + own + variables + shell, on: host).wait(seconds: 60))
    }

    @Test func theJobPrintsWhatIsShown() throws {
        let box = try Self.box.get()
        let home = box.path("/home/me", on: 1)
        try makePictures(in: home)
        try "n1\nn1\nn2\nn3\n".write(toFile: home + "/nodes", atomically: true, encoding: .utf8)
        // In a box /tmp is in memory, of which daft would warn.
        let job = ["OAR_NODEFILE=/home/me/nodes", "OAR_JOB_ID=7", "TMPDIR=/home/me", "OMPI_MCA_orte_execute_quiet=1"]
        let (steps, ended) = try run("In a job", on: 1, variables: job)
        expect(steps, toShow: ended)
    }

    @Test func theWorkstationsPrintWhatIsShown() throws {
        let box = try Self.box.get()
        let home = box.path("/home/me", on: 0)
        try FileManager.default.copyItem(atPath: box.common + "/lustre/me/set", toPath: home + "/set")
        try noise(8 << 20).write(to: URL(filePath: home + "/results"))
        try "n[1-3]\n".write(toFile: home + "/hosts", atomically: true, encoding: .utf8)
        let (steps, ended) = try run("On workstations", on: 0)
        expect(steps, toShow: ended)
        #expect(soon { (0..<hosts).allSatisfy { box.processes("daft-node", on: $0).isEmpty } })
    }
}
