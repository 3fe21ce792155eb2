// The filesystem below a store, by Linux's filesystem type number.

public struct Filesystem: Hashable, Sendable {
    public enum Sort: Hashable, Sendable {
        case local
        case inMemory
        /// A network filesystem, possibly shared by all nodes.
        case shared
    }

    /// As returned by statfs(2).
    public let number: UInt64

    public init(number: UInt64) { self.number = number }

    public var sort: Sort {
        switch number {
        case 0x0102_1994, 0x8584_58f6: .inMemory
        default: Filesystem.shared[number] == nil ? .local : .shared
        }
    }

    /// `NFS`; empty for local filesystems.
    public var name: String {
        switch sort {
        case .inMemory: number == 0x0102_1994 ? "tmpfs" : "ramfs"
        case .shared: Filesystem.shared[number] ?? ""
        case .local: ""
        }
    }

    /// Whether every change of a file's bytes changes its ctime. Not so on read-only images, FUSE (up to its program),
    /// and vfat, which has no ctime.
    public var recordsChanges: Bool { Filesystem.recordingChanges.contains(number) }

    /// ext2 to ext4, XFS, Btrfs, F2FS, ZFS, bcachefs, tmpfs, NFS, Lustre, BeeGFS, GPFS, CephFS.
    private static let recordingChanges: Set<UInt64> = [
        0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010, 0x2fc1_2fc1, 0xca45_1a4e, 0x0102_1994, 0x6969, 0x0bd0_0bd0,
        0x1983_0326, 0x4750_4653, 0x00c3_6400,
    ]

    private static let shared: [UInt64: String] = [
        0x6969: "NFS", 0x0bd0_0bd0: "Lustre", 0x1983_0326: "BeeGFS", 0x4750_4653: "GPFS", 0xff53_4d42: "CIFS",
        0xfe53_4d42: "CIFS", 0x517b: "SMB", 0x6573_5546: "FUSE", 0x00c3_6400: "CephFS", 0x5346_414f: "AFS",
        0x6b41_4653: "AFS", 0xaad7_aaea: "PanFS", 0x0116_1970: "GFS2", 0x7461_636f: "OCFS2", 0x2003_0528: "OrangeFS",
        0x0102_1997: "9P",
    ]
}
