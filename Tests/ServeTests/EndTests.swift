// Commands, clients and systems that end early leave nothing behind.

import Foundation
import Glibc
import Testing
import TestPrograms

@Suite(.serialized, .timeLimit(.minutes(2))) struct EndTests {
    private static let size = 200_000_000

    /// A job that keeps `/big` on one data server, so that clients of the other must wait for it.
    private func job() throws -> Job {
        let job = try Job()
        try job.write("big", noise(EndTests.size))
        try job.serve()
        #expect(try job.daft("put", "big", at: job.store + ".1").status == 0)
        return job
    }

    @Test func aClientThatIsKilledLeavesNothingBehind() throws {
        let job = try job()
        let server = try #require(job.dataServers.first)
        #expect(try job.daft("ls").status == 0)
        let before = footprint(of: server)
        for _ in 0..<3 {
            let get = try job.start(["get", "/big", "--to", "killed"])
            get.wait { job.has(".killed.daft-partial") || job.has("killed") }
            get.signal(SIGKILL)
            #expect(get.wait().status == -SIGKILL)
        }
        #expect(soon { footprint(of: server).threads <= before.threads })
        #expect(soon { footprint(of: server).descriptors <= before.descriptors + 2 })
        let again = try job.daft("get", "/big", "--to", "killed")
        #expect(again.status == 0, "\(again)")
        #expect(try job.bytes("killed") == job.bytes("big"))
        #expect(!job.has(".killed.daft-partial"))
        #expect(try job.daft("quit").status == 0)
        #expect(try job.ended().status == 0)
    }

    @Test func clientsThatStopReadingHoldUpNobodyAndCostLittle() throws {
        let job = try job()
        let server = try #require(job.dataServers.first)
        let before = residentBytes(of: server)
        // Each with output to an unread pipe.
        var pipes: [[Int32]] = []
        defer { for end in pipes.joined() { close(end) } }
        let cats = try (0..<8).map { _ in
            var ends: [Int32] = [-1, -1]
            pipe(&ends)
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            pipes.append(ends)
            return try job.start(["cat", "/big"], output: "/proc/\(getpid())/fd/\(ends[1])")
        }
        usleep(1_000_000)
        #expect(cats.allSatisfy { !$0.hasEnded })
        let get = try job.daft("get", "/big", "--to", "got")
        #expect(get.status == 0, "\(get)")
        #expect(residentBytes(of: server) - before < 192 << 20)
        // Longer than a client may be silent: heartbeats keep them alive.
        usleep(6_000_000)
        #expect(cats.allSatisfy { !$0.hasEnded })
        for cat in cats { cat.signal(SIGINT) }
        for cat in cats { #expect(cat.wait().status == 130) }
        #expect(try job.daft("quit").status == 0)
        #expect(try job.ended().status == 0)
    }

    @Test func controlCEndsTheCommandAndItGoesOnLater() throws {
        let job = try job()
        let get = try job.start(["get", "/big", "--to", "got"])
        get.wait { job.has(".got.daft-partial") }
        get.signal(SIGINT)
        let ended = get.wait()
        #expect(ended.status == 130, "\(ended)")
        #expect(ended.errors.contains("stopped by SIGINT"))
        #expect(!job.has("got"))
        #expect(try job.daft("get", "/big", "--to", "got").status == 0)
        #expect(try job.bytes("got") == job.bytes("big"))
        #expect(try job.daft("quit").status == 0)
        #expect(try job.ended().status == 0)
    }

    @Test func quitEndsWhatOthersAreDoingInOrder() throws {
        let job = try job()
        let get = try job.start(["get", "/big", "--to", "got"])
        get.wait { job.has(".got.daft-partial") }
        #expect(try job.daft("quit", at: job.store + ".1").status == 0)
        let ended = get.wait()
        #expect(ended.status == 6, "\(ended)")
        #expect(ended.errors == "daft: get: stopped: the daft that served it has ended; run it again to go on\n")
        #expect(try job.ended(seconds: 15).status == 0)
        #expect(!FileManager.default.fileExists(atPath: job.store + "/.daft/door"))
        try job.serve()
        #expect(try job.daft("get", "/big", "--to", "got").status == 0)
        #expect(try job.bytes("got") == job.bytes("big"))
        #expect(try job.daft("quit").status == 0)
        #expect(try job.ended().status == 0)
    }

    @Test func aSystemThatDiedIsNoticedAndItsSocketsAreNoDoors() throws {
        let job = try job()
        let get = try job.start(["get", "/big", "--to", "got"])
        get.wait { job.has(".got.daft-partial") }
        for server in job.dataServers { kill(server, SIGKILL) }
        let start = Date()
        #expect(get.wait().status == 6)
        #expect(try job.ended().status != 0)
        #expect(FileManager.default.fileExists(atPath: job.store + "/.daft/door"))
        let late = try job.daft("ls")
        #expect(late.status == 6 && late.errors.contains("daft-run serve"), "\(late)")
        #expect(Date().timeIntervalSince(start) < 8)
        try job.serve()
        #expect(try job.daft("ls").output == "/big\n")
        #expect(try job.daft("quit").status == 0)
        #expect(try job.ended().status == 0)
    }
}
