// A table of directories: owners and modes of each path component, and the verdict.

import DaftModel
import DaftPlan
import Testing

@Suite struct TrustTests {
    private static let me: UInt32 = 1_000
    private static let other: UInt32 = 1_001

    private static func directory(_ path: String, _ owner: UInt32, _ mode: UInt16) -> PathStep {
        PathStep(Array(path.utf8), .directory, owner: owner, mode: mode)
    }

    private static func symlink(_ path: String, _ owner: UInt32) -> PathStep {
        PathStep(Array(path.utf8), .symlink, owner: owner, mode: 0o777)
    }

    private static let top = [directory("/", 0, 0o755), directory("/tmp", 0, 0o1777)]
    private static func bytes(_ path: String) -> [UInt8] { Array(path.utf8) }

    private static let table: [(what: String, steps: [PathStep], verdict: Trust.Verdict)] = [
        ("ours", top + [directory("/tmp/d", me, 0o700)], .trusted),
        ("ours, readable", top + [directory("/tmp/d", me, 0o755)], .open(mode: 0o755)),
        ("ours, to be entered", top + [directory("/tmp/d", me, 0o711)], .open(mode: 0o711)),
        ("ours, the group writes", top + [directory("/tmp/d", me, 0o770)], .refused(.writable(mode: 0o770))),
        ("ours, others write", top + [directory("/tmp/d", me, 0o702)], .refused(.writable(mode: 0o702))),
        ("ours, sticky, others write", top + [directory("/tmp/d", me, 0o1777)], .refused(.writable(mode: 0o1777))),
        ("squatted", top + [directory("/tmp/d", other, 0o700)], .refused(.owner(other, of: bytes("/tmp/d")))),
        ("squatted, open", top + [directory("/tmp/d", other, 0o777)], .refused(.owner(other, of: bytes("/tmp/d")))),
        ("root's", top + [directory("/tmp/d", 0, 0o755)], .refused(.owner(0, of: bytes("/tmp/d")))),
        ("/tmp itself", top, .refused(.owner(0, of: bytes("/tmp")))),
        (
            "below another's", top + [directory("/tmp/o", other, 0o755), directory("/tmp/o/d", me, 0o700)],
            .refused(.owner(other, of: bytes("/tmp/o")))
        ),
        (
            "through another's symlink", top + [symlink("/tmp/l", other), directory("/home", me, 0o700)],
            .refused(.symlink(bytes("/tmp/l"), owner: other))
        ),
        ("through our symlink", top + [symlink("/tmp/l", me), directory("/home", me, 0o700)], .trusted),
        ("through root's symlink", top + [symlink("/tmp/l", 0), directory("/home", me, 0o700)], .trusted),
        (
            "below what everybody may write, not sticky",
            [directory("/", 0, 0o755), directory("/scratch", 0, 0o777), directory("/scratch/d", me, 0o700)],
            .replaceable(in: bytes("/scratch"))
        ),
        (
            "below what a group may write",
            [directory("/", 0, 0o755), directory("/project", 0, 0o2770), directory("/project/d", me, 0o700)], .trusted
        ),
    ]

    @Test(arguments: table.indices) func isWhatTheOwnersAndModesOfThePathSay(row: Int) {
        let (what, steps, verdict) = TrustTests.table[row]
        #expect(Trust(user: TrustTests.me).verdict(of: steps) == verdict, "\(what)")
    }

    @Test func rootUsesAnothersDoorOnlyWhereItIsNamed() {
        let path =
            TrustTests.top + [
                TrustTests.directory("/tmp/d", TrustTests.other, 0o700),
                TrustTests.directory("/tmp/d/.daft", TrustTests.other, 0o700),
            ]
        let refused = Trust.Verdict.refused(.owner(TrustTests.other, of: Array("/tmp/d".utf8)))
        #expect(Trust(user: 0, acceptsRoot: true).verdict(of: path) == refused)
        #expect(Trust(user: 0, acceptsRoot: true, acceptsAnyOwner: true).verdict(of: path) == .trusted)
        // Nobody else accepts any owner, and a third user on the path is refused.
        #expect(Trust(user: TrustTests.me, acceptsAnyOwner: true).verdict(of: path) == refused)
        let third = Trust.Verdict.refused(.owner(2_000, of: Array("/tmp/t".utf8)))
        let around = TrustTests.top + [TrustTests.directory("/tmp/t", 2_000, 0o755)] + path.suffix(1)
        #expect(Trust(user: 0, acceptsAnyOwner: true).verdict(of: around) == third)
    }

    @Test func whomAUserNamespaceDoesNotKnowIsTakenForRootInThePathAlone() {
        let (top, me, unknown) = (TrustTests.directory("/", 65_534, 0o755), TrustTests.me, UInt32(65_534))
        let trust = Trust(user: me, unknown: unknown)
        #expect(trust.verdict(of: [top, TrustTests.directory("/d", me, 0o700)]) == .trusted)
        let refused = Trust.Verdict.refused(.owner(unknown, of: Array("/d".utf8)))
        #expect(trust.verdict(of: [top, TrustTests.directory("/d", unknown, 0o700)]) == refused)
    }

    // MARK: shared directories

    private static let lab: UInt32 = 500
    /// `other` is one of them.
    private static let sharers = Sharers(group: lab) { $0 == other }

    private static func shared(_ owner: UInt32, _ mode: UInt16 = 0o2770, group: UInt32 = lab) -> PathStep {
        PathStep(bytes("/tmp/d"), .directory, owner: owner, group: group, mode: mode)
    }

    private static let sharing: [(what: String, steps: [PathStep], verdict: Trust.Verdict)] = [
        ("ours", top + [shared(me)], .trusted),
        ("a member's", top + [shared(other)], .trusted),
        ("root's", top + [shared(0)], .trusted),
        ("others may look", top + [shared(other, 0o2775)], .trusted),
        ("a stranger's", top + [shared(2_000)], .refused(.owner(2_000, of: bytes("/tmp/d")))),
        ("everybody writes", top + [shared(other, 0o2777)], .refused(.unshared(lab, owner: other))),
        ("not setgid", top + [shared(me, 0o770)], .refused(.unshared(lab, owner: me))),
        ("ours alone", top + [shared(me, 0o700)], .refused(.unshared(lab, owner: me))),
        ("another group's", top + [shared(me, group: 501)], .refused(.unshared(lab, owner: me))),
        (
            "below a member's own", top + [directory("/tmp/o", other, 0o755), shared(me)],
            .refused(.owner(other, of: bytes("/tmp/o")))
        ),
        (
            "through a member's symlink", top + [symlink("/tmp/l", other), shared(me)],
            .refused(.symlink(bytes("/tmp/l"), owner: other))
        ),
        ("below another of the group", top + [shared(other), shared(me)], .trusted),
        (
            "below one of a stranger", top + [shared(2_000), shared(me)],
            .refused(.shared(lab, owner: 2_000, of: bytes("/tmp/d")))
        ),
        (
            "below what everybody may write, not sticky",
            [directory("/", 0, 0o755), directory("/scratch", 0, 0o777), shared(other)],
            .replaceable(in: bytes("/scratch"))
        ),
    ]

    @Test(arguments: sharing.indices) func aGroupSharesWhatItsMembersOwnAndNobodyElseMayWrite(row: Int) {
        let (what, steps, verdict) = TrustTests.sharing[row]
        let trust = Trust(user: TrustTests.me, sharers: TrustTests.sharers, isShared: true)
        #expect(trust.verdict(of: steps) == verdict, "\(what)")
    }

    @Test func whatAGroupSharesIsRefusedToWhoeverHasNotNamedIt() {
        for owner in [TrustTests.me, TrustTests.other] {
            let refused = Trust.Verdict.refused(.shared(TrustTests.lab, owner: owner, of: Array("/tmp/d".utf8)))
            #expect(Trust(user: TrustTests.me).verdict(of: TrustTests.top + [TrustTests.shared(owner)]) == refused)
        }
    }

    @Test func aDoorInWhatAGroupSharesIsStillItsUsersAlone() {
        let trust = Trust(user: TrustTests.me, acceptsRoot: true, sharers: TrustTests.sharers)
        let way = TrustTests.top + [TrustTests.shared(TrustTests.other)]
        let (mine, others) = ("/tmp/d/user-1000", "/tmp/d/user-1001")
        #expect(trust.verdict(of: way + [TrustTests.directory(mine, TrustTests.me, 0o2700)]) == .trusted)
        #expect(
            trust.verdict(of: way + [TrustTests.directory(others, TrustTests.other, 0o2700)])
                == .refused(.owner(TrustTests.other, of: Array(others.utf8))))
    }

    @Test func theRefusalSaysWhoseItIsAndWhatToDo() {
        func reason(_ verdict: Trust.Verdict) -> String {
            verdict.refusal(of: Array("/tmp/d".utf8), choice: "--store DIR") { "user \($0)" }?.description ?? ""
        }
        #expect(
            reason(.refused(.owner(7, of: Array("/tmp/d".utf8))))
                == "/tmp/d: it belongs to user 7, who could replace what is in it: choose another directory with "
                + "--store DIR")
        #expect(reason(.refused(.owner(7, of: Array("/tmp".utf8)))).hasPrefix("/tmp/d: /tmp, in its path, belongs to "))
        let link = Trust.Verdict.refused(.symlink(Array("/l".utf8), owner: 7))
        #expect(reason(link).contains("/l, in its path, is a symlink of user 7, who can lead it elsewhere"))
        #expect(reason(.refused(.writable(mode: 0o775))).contains("(mode 0775)"))
        let shared = reason(.refused(.shared(500, owner: 7, of: Array("/tmp/d".utf8))))
        #expect(
            shared.contains("it is shared by the group 500, and belongs to user 7") && shared.contains("--group 500"))
        #expect(reason(.refused(.unshared(500, owner: 7))).contains("chgrp -R 500 /tmp/d && chmod -R g+rX,o-w /tmp/d"))
        #expect(reason(.trusted) == "" && Trust.Verdict.trusted.warning(of: []) == nil)
        let open = Trust.Verdict.open(mode: 0o755).warning(of: Array("/tmp/d".utf8))
        #expect(open?.description.contains("chmod 700 /tmp/d") == true)
    }
}
