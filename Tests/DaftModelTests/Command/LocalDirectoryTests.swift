// The default store directory inside and outside of jobs, its filesystem, and its free space.
import DaftCommand
import DaftModel
import DaftPlan
import DaftWire
import Testing

private func directory(_ environment: [String: String]) -> String {
    String(decoding: localDirectory({ environment[$0].map { Array($0.utf8) } }, user: "me"), as: UTF8.self)
}

@Suite struct LocalDirectoryTests {
    @Test(
        arguments: [
            ([:], "/tmp/daft-me"), (["TMPDIR": "/scratch"], "/scratch/daft-me"), (["TMPDIR": ""], "/tmp/daft-me"),
            (["SLURM_JOB_ID": "12"], "/tmp/daft-me-12"),
            (["SLURM_JOB_ID": "12", "TMPDIR": "/t", "SLURM_TMPDIR": ""], "/t/daft-me-12"),
            (["SLURM_JOB_ID": "12", "TMPDIR": "/t", "SLURM_TMPDIR": "/local/12"], "/local/12/daft"),
            (["OAR_JOB_ID": "7"], "/tmp/daft-me-7"), (["PBS_JOBID": "4[2].head/x"], "/tmp/daft-me-4-2-.head-x"),
            (["LSB_JOBID": "9", "LSB_JOBINDEX": "3"], "/tmp/daft-me-9-3"),
            (["SLURM_JOB_ID": "", "OAR_JOB_ID": "7"], "/tmp/daft-me-7"),
        ] as [([String: String], String)])
    func isTheJobs(environment: [String: String], path: String) {
        #expect(directory(environment) == path)
    }

    @Test(
        arguments: [
            (0x6969, .shared, "NFS"), (0x0bd0_0bd0, .shared, "Lustre"), (0x1983_0326, .shared, "BeeGFS"),
            (0x4750_4653, .shared, "GPFS"), (0xff53_4d42, .shared, "CIFS"), (0x6573_5546, .shared, "FUSE"),
            (0x0102_1994, .inMemory, "tmpfs"), (0xef53, .local, ""), (0x5846_5342, .local, ""), (0, .local, ""),
        ] as [(UInt64, Filesystem.Sort, String)])
    func aFilesystemIsKnownByItsNumber(number: UInt64, sort: Filesystem.Sort, name: String) {
        let filesystem = Filesystem(number: number)
        #expect(filesystem.sort == sort && filesystem.name == name)
    }
}

@Suite struct RoomTests {
    private func server(_ store: Int, _ host: String, total: Int64 = 10_000, free: Int64, unfinished: Int64 = 0)
        -> FreeSpace.Server
    {
        FreeSpace.Server(
            store: store, host: host, path: Array("/s".utf8),
            space: Space(total: total, free: free, unfinished: unfinished))
    }

    @Test func aHundredthAndAtMostAGigabyteIsLeft() {
        #expect(FreeSpace([server(0, "a", free: 500)]).bytes(at: 0) == 400)
        #expect(FreeSpace([server(0, "a", total: 1 << 40, free: 1 << 31)]).bytes(at: 0) == 1 << 30)
        #expect(FreeSpace([server(0, "a", free: 50)]).bytes(at: 0) == 0)
        #expect(FreeSpace([server(0, "a", free: 50, unfinished: 200)]).bytes(at: 0) == 150)
    }

    @Test func storesOfOneDiskShareIt() {
        let room = FreeSpace([server(0, "a", free: 1_000), server(1, "a", free: 1_000), server(2, "b", free: 1_000)])
        #expect((0..<3).map(room.bytes) == [400, 400, 900])
        #expect(room.least == 400)
    }

    @Test func whoHasNoRoomIsNamedWithTheNumbers() {
        let room = FreeSpace([server(0, "a", free: 5_000), server(1, "b", free: 600)])
        #expect(room.refusals { _ in 500 }.isEmpty)
        let refusals = room.refusals { _ in 501 }
        #expect(refusals.map(\.node) == ["b"] && refusals.map(\.kind) == [.noSpace])
        #expect(
            refusals[0].reason
                == "no room: 501 B comes at least, and there is room for 500 B (600 B free, 100 B kept in reserve)")
        #expect(room.refusals { $0 == 1 ? 0 : 4_900 }.isEmpty)
        #expect(room.refusals(ofSpread: 5_400).isEmpty)
        #expect(room.refusals(ofSpread: 5_401).map(\.node) == ["a", "b"])
        #expect(room.refusals(needsAll: false) { _ in 600 }.isEmpty)
        #expect(room.refusals(needsAll: false) { _ in 5_000 }.count == 2)
        #expect(FreeSpace(room.servers, others: 1).refusals(needsAll: false) { _ in 5_000 }.isEmpty)
        #expect(FreeSpace(room.servers, others: 1).refusals(ofSpread: 5_401).isEmpty)
        #expect(FreeSpace([], others: 2).refusals(ofSpread: 1).isEmpty)
    }
}
