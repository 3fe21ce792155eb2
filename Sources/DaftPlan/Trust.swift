// Decides whether a directory is safe for what others must not replace: staged programs, and the door that accepts
// commands. Whoever can write to it could exchange its files, and the owner of any path component could redirect it.

import DaftModel
import DaftWire

/// One component of the path to a directory.
public struct PathStep: Hashable, Sendable {
    public enum Kind: Sendable { case directory, symlink }

    public let path: [UInt8]
    public let kind: Kind
    public let owner: UInt32
    public let group: UInt32
    /// Permission bits, with the sticky bit.
    public let mode: UInt16

    public init(_ path: [UInt8], _ kind: Kind, owner: UInt32, group: UInt32 = .max, mode: UInt16) {
        (self.path, self.kind, self.owner, self.group, self.mode) = (path, kind, owner, group, mode)
    }

    fileprivate var isWritableByOthers: Bool { mode & 0o022 != 0 }
    fileprivate var isOpenToOthers: Bool { mode & 0o055 != 0 }
    /// Anybody may rename entries, whoever owns them: world-writable without the sticky bit.
    fileprivate var isAnybodys: Bool { mode & 0o1002 == 0o002 }
    /// As `--group` creates it: setgid and writable for the group, but for no others.
    fileprivate var isShared: Bool { kind == .directory && mode & 0o2072 == 0o2070 }
}

/// Users who share a store: members of the group given with `--group`. A directory of that group must also be owned by
/// a member.
public struct Sharers: Sendable {
    public let group: UInt32
    fileprivate let include: @Sendable (_ user: UInt32) -> Bool

    public init(group: UInt32, include: @escaping @Sendable (_ user: UInt32) -> Bool) {
        (self.group, self.include) = (group, include)
    }
}

/// Who uses a directory and for what.
public struct Trust: Sendable {
    public enum Verdict: Hashable, Sendable {
        case trusted
        /// Others may read it.
        case open(mode: UInt16)
        /// Anybody may replace it, through the permissions of this parent.
        case replaceable(in: [UInt8])
        case refused(Reason)
    }

    public enum Reason: Hashable, Sendable {
        case owner(UInt32, of: [UInt8])
        case symlink([UInt8], owner: UInt32)
        case writable(mode: UInt16)
        /// It belongs to a group that was not given.
        case shared(UInt32, owner: UInt32, of: [UInt8])
        /// It lacks the ownership or mode that the given group needs.
        case unshared(UInt32, owner: UInt32)
    }

    private static let root: UInt32 = 0

    private let user: UInt32
    private let acceptsRoot: Bool
    private let acceptsAnyOwner: Bool
    private let sharers: Sharers?
    private let isShared: Bool
    private let unknown: UInt32?

    /// `acceptsRoot`: directories of root are accepted like the user's. `acceptsAnyOwner`: root named the directory and
    /// accepts any owner. `unknown`: the uid to which a user namespace maps unmapped owners, root above all; on the
    /// path it counts as root. `sharers` may own path components and, with `isShared`, the directory itself.
    public init(
        user: UInt32, acceptsRoot: Bool = false, acceptsAnyOwner: Bool = false, sharers: Sharers? = nil,
        isShared: Bool = false, unknown: UInt32? = nil
    ) {
        self.user = user
        self.acceptsRoot = acceptsRoot
        self.acceptsAnyOwner = acceptsAnyOwner && user == Trust.root
        self.sharers = sharers
        self.isShared = isShared && sharers != nil
        self.unknown = unknown
    }

    /// For the whole path from its first component; the last one is the directory.
    public func verdict(of steps: [PathStep]) -> Verdict {
        guard let directory = steps.last else { return .trusted }
        let owner = acceptsAnyOwner ? directory.owner : user
        if let reason = obstacle(in: steps.dropLast(), for: owner) { return .refused(reason) }
        if isShared {
            if let reason = obstacle(toSharing: directory) { return .refused(reason) }
            return replaceable(steps) ?? .trusted
        }
        if directory.isShared { return .refused(shared(directory)) }
        guard directory.owner == owner || acceptsRoot && directory.owner == Trust.root else {
            return .refused(.owner(directory.owner, of: directory.path))
        }
        if directory.isWritableByOthers { return .refused(.writable(mode: directory.mode)) }
        return replaceable(steps) ?? (directory.isOpenToOthers ? .open(mode: directory.mode) : .trusted)
    }

    private func replaceable(_ steps: [PathStep]) -> Verdict? {
        steps.dropLast().first { $0.kind == .directory && $0.isAnybodys }.map { .replaceable(in: $0.path) }
    }

    /// For the path to a directory that does not exist yet.
    public func verdict(ofWay steps: [PathStep]) -> Verdict {
        obstacle(in: steps[...], for: user).map { .refused($0) } ?? .trusted
    }

    private func obstacle(in steps: ArraySlice<PathStep>, for owner: UInt32) -> Reason? {
        for step in steps where ![owner, user, Trust.root, unknown].contains(step.owner) && !isSharers(step) {
            if step.isShared { return shared(step) }
            return step.kind == .symlink ? .symlink(step.path, owner: step.owner) : .owner(step.owner, of: step.path)
        }
        return nil
    }

    private func isSharers(_ step: PathStep) -> Bool {
        guard let sharers, step.kind == .directory, step.group == sharers.group, step.mode & 0o002 == 0 else {
            return false
        }
        return sharers.include(step.owner)
    }

    private func obstacle(toSharing directory: PathStep) -> Reason? {
        guard let sharers else { return nil }
        guard directory.owner == user || directory.owner == Trust.root || sharers.include(directory.owner) else {
            return .owner(directory.owner, of: directory.path)
        }
        if directory.isShared, directory.group == sharers.group { return nil }
        return .unshared(sharers.group, owner: directory.owner)
    }

    private func shared(_ step: PathStep) -> Reason { .shared(step.group, owner: step.owner, of: step.path) }
}

extension Trust.Verdict {
    /// Why `directory` is refused, and what to do; `name` and `groupName` map ids to names.
    public func refusal(
        of directory: [UInt8], choice: String, groupName: (UInt32) -> String = { "\($0)" }, _ name: (UInt32) -> String
    ) -> Failure? {
        guard case .refused(let reason) = self else { return nil }
        let why: String
        switch reason {
        case .owner(let owner, let path):
            let what = path == directory ? "it belongs to" : "\(shown(path)), in its path, belongs to"
            why = "\(what) \(name(owner)), who could replace what is in it: choose another directory with \(choice)"
        case .symlink(let path, let owner):
            why = """
                \(shown(path)), in its path, is a symlink of \(name(owner)), who can lead it elsewhere: choose another \
                directory with \(choice)
                """
        case .writable(let mode):
            why = """
                others may write into it (mode \(octal(mode))), and could replace what is there: `chmod go-w` it, or \
                choose another directory with \(choice)
                """
        case .shared(let group, let owner, let path):
            let what = path == directory ? "it is" : "\(shown(path)), in its path, is"
            why = """
                \(what) shared by the group \(groupName(group)), and belongs to \(name(owner)): if you mean to use it \
                with them, say --group \(groupName(group)); else choose another directory with \(choice)
                """
        case .unshared(let group, let owner):
            let (group, place) = (groupName(group), shown(directory))
            why = """
                it is not shared by the group \(group) yet; \(name(owner)) can have it so: \
                chgrp -R \(group) \(place) && chmod -R g+rX,o-w \(place) && find \(place) -type d -exec chmod g+ws {} +
                """
        }
        return Failure(.denied, directory, why)
    }

    /// The warning for a directory that is used.
    public func warning(of directory: [UInt8]) -> Failure? {
        switch self {
        case .trusted, .refused: nil
        case .open(let mode):
            Failure(
                .failed, directory,
                "others may look into it (mode \(octal(mode))); if they should not: chmod 700 \(shown(directory))")
        case .replaceable(let place):
            Failure(
                .failed, directory,
                "everybody may rename what is in \(shown(place)), which has no sticky bit, and so put another "
                    + "directory in its place")
        }
    }
}

private func octal(_ mode: UInt16) -> String {
    let digits = String(mode, radix: 8)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
}
