// daft start over real ssh to sshds of the test.

import Foundation
import Glibc
import Testing
import TestPrograms

private let isPossible: Bool = {
    guard let obstacle = SecureShell.obstacle else { return true }
    FileHandle.standardError.write(Data("skipped, what needs an sshd: \(obstacle)\n".utf8))
    return false
}()

@Suite(.serialized, .enabled(if: isPossible)) struct SecureShellTests {
    @Test func theProgramIsCopiedOnceAndTheNodeOutlivesTheSession() throws {
        let site = try Site()
        let shell = try SecureShell("a", in: site)
        let hosts = try site.hosts("127.0.0.1:\(shell.port)")
        let first = try site.run("start", hosts, ssh: try shell.client())
        #expect(first.status == 0, "\(first.errors)")
        #expect(first.output.contains("data server, store \(site.path)/home-a/"), "\(first.output)")
        #expect(site.nodes.count == 2)
        let name = try #require(site.cached("home-a").first)
        let inode = site.inode(name, in: "home-a")
        site.endNodes()
        #expect(try site.run("start", hosts, ssh: try shell.client()).status == 0)
        #expect(site.cached("home-a") == [name])
        #expect(site.inode(name, in: "home-a") == inode, "copied again")
    }

    @Test func theSecretIsInNoArgumentAndNoEnvironment() throws {
        let site = try Site()
        let shell = try SecureShell("a", in: site)
        let hosts = try site.hosts("127.0.0.1:\(shell.port)")
        #expect(try site.run("start", hosts, ssh: try shell.client()).status == 0)
        let system = [UInt8](FileManager.default.contents(atPath: site.path + "/catalogue/system") ?? Data())
        // Format version, the order's version and rank, public key, secret key.
        let secret = Data(system[38..<70])
        for process in site.nodes {
            for file in ["cmdline", "environ"] {
                let shown = FileManager.default.contents(atPath: "/proc/\(process)/\(file)") ?? Data()
                #expect(!shown.isEmpty && shown.range(of: secret) == nil)
            }
        }
    }

    @Test func aKeyThatIsNotKnownIsSaidOnEitherSide() throws {
        let site = try Site()
        let shell = try SecureShell("a", in: site)
        let hosts = try site.hosts("127.0.0.1:\(shell.port)")
        let refused = try site.run("start", hosts, ssh: try shell.client(key: "other"))
        #expect(refused.status == 1 && refused.errors.contains("Permission denied (publickey"), "\(refused.errors)")
        for key in ["none", "other"] {
            try shell.know(host: key)
            let unknown = try site.run("start", hosts, ssh: try shell.client())
            #expect(unknown.status == 1 && unknown.errors.contains("Host key verification failed"), "\(unknown.errors)")
        }
        #expect(site.cached("home-a").isEmpty)
    }

    @Test func aHostThatDoesNotAnswerAndOneThatRefusesAreTold() throws {
        let site = try Site()
        let (good, bad) = (try SecureShell("a", in: site), try SecureShell("b", in: site))
        bad.stop()
        let hosts = try site.hosts("127.0.0.1:\(good.port)", "127.0.0.1:\(bad.port)", "127.0.0.1:1")
        let begun = Date()
        let ended = try site.run("start", hosts, "--launch-timeout", "2", ssh: try good.client())
        #expect(ended.status == 1, "\(ended.errors)")
        #expect(ended.errors.contains("timed out") || ended.errors.contains("nothing was heard"), "\(ended.errors)")
        #expect(ended.errors.contains("port 1: Connection refused"), "\(ended.errors)")
        #expect(ended.errors.contains("1 of 3 data servers run"), "\(ended.errors)")
        #expect(Date().timeIntervalSince(begun) < 15)
    }

    @Test func aHomeThatIsFullOrExecutesNothingIsSaid() throws {
        let site = try Site()
        let shell = try SecureShell("a", in: site)
        let hosts = try site.hosts("127.0.0.1:\(shell.port)")
        let home = site.path + "/home-a"
        for (flags, options, said) in [
            (0, "size=1m", "No space left"), (MS_NOEXEC, "", "executes nothing (noexec)"),
        ] {
            #expect(mount("tmpfs", home, "tmpfs", UInt(flags), options) == 0)
            let ended = try site.run("start", hosts, ssh: try shell.client())
            site.endNodes()
            umount2(home, Int32(MNT_DETACH))
            #expect(ended.status == 1 && ended.errors.contains(said), "\(ended.errors)")
        }
    }
}
