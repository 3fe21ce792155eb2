// The commands that a user can give. Local paths are bytes as typed; names are validated.

import DaftModel
import DaftPlan

public enum Verb: String, CaseIterable, Sendable {
    case put, diffuse, bcast, fetch, get, gather, sbcast, cat, ls, stat, tree, verify, repair, leave, status, wait, help
    case cd, pwd
    case shell = "!"
    case comment = "#"
    case exit
    case quit
}

public enum Command: Hashable, Sendable {
    case put(
        sources: [[UInt8]], host: String?, as: Name?, copies: Copies? = nil, with: StagingOptions = StagingOptions())
    case diffuse(sources: [[UInt8]], as: Name?, copies: Copies? = nil, with: StagingOptions = StagingOptions())
    /// Each is a local path if it exists, else a published name. `shared`: every node sees the paths.
    case bcast([[UInt8]], as: Name?, shared: Bool, with: StagingOptions = StagingOptions())
    case fetch([Name], host: String?, limit: ByteRate? = nil)
    case get([Name], to: [UInt8]?, limit: ByteRate? = nil)
    /// Paths on every node, absolute or relative to the store. `as` nil: nothing is published.
    case gather([[UInt8]], to: [UInt8], as: Name?, merged: Bool, limit: ByteRate? = nil)
    case sbcast([UInt8], to: [UInt8], forced: Bool, preserving: Bool, limit: ByteRate? = nil)
    case cat(Name)
    /// `human`: human-readable sizes.
    case ls([Name], Listing, human: Bool = false)
    case stat(Name)
    case tree(Name)
    /// No names: everything.
    case verify([Name])
    case repair
    /// A node, or one of its data servers.
    case leave(host: String)
    /// Repeats at this interval; nil: once.
    case status(everySeconds: UInt32?)
    /// Waits until a system serves here.
    case wait(seconds: UInt32)
    case help(Verb?)
    /// The text after `!`, for the local shell.
    case shell([UInt8])
    /// A blank line or a comment.
    case nothing
    /// Sets the base of relative names.
    case cd(Name)
    case pwd
    /// Leaves the program; a client's system continues.
    case exit
    case quit
}

extension Command {
    /// Whether later commands are not executed.
    public var isLast: Bool { self == .quit || self == .exit }

    /// Nil if there is nothing to do.
    public var verb: Verb? {
        switch self {
        case .put: .put
        case .diffuse: .diffuse
        case .bcast: .bcast
        case .fetch: .fetch
        case .get: .get
        case .gather: .gather
        case .sbcast: .sbcast
        case .cat: .cat
        case .ls: .ls
        case .stat: .stat
        case .tree: .tree
        case .verify: .verify
        case .repair: .repair
        case .leave: .leave
        case .status: .status
        case .wait: .wait
        case .help: .help
        case .shell: .shell
        case .nothing: nil
        case .cd: .cd
        case .pwd: .pwd
        case .exit: .exit
        case .quit: .quit
        }
    }
}

extension Command {
    /// Whether the command reads standard input.
    public var readsInput: Bool {
        let dash = [UInt8(ascii: "-")]
        return switch self {
        case .put(let sources, _, _, _, let options): sources.contains(dash) || options.filesFrom == dash
        case .diffuse(let sources, _, _, let options): sources.contains(dash) || options.filesFrom == dash
        case .bcast(let sources, _, _, let options): sources.contains(dash) || options.filesFrom == dash
        default: false
        }
    }
}

extension Command {
    /// The rate limit of its transfers.
    public var limit: ByteRate? {
        switch self {
        case .put(_, _, _, _, let options), .diffuse(_, _, _, let options), .bcast(_, _, _, let options): options.limit
        case .fetch(_, _, let limit), .get(_, _, let limit), .gather(_, _, _, _, let limit): limit
        case .sbcast(_, _, _, _, let limit): limit
        default: nil
        }
    }
}

/// What `ls` shows of each name.
public enum Listing: Hashable, Sendable {
    case names
    /// `-l`: size, mtime, chunks, and holders.
    case long
    /// `-n`: the nodes.
    case nodes
    /// `-c`: every chunk and its holders.
    case chunks
    /// `-lc`: the chunks held here.
    case chunksHere
}
