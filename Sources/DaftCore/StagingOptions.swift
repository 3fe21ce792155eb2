// What put, bcast and diffuse are told of how to take their sources.

public struct StagingOptions: Hashable, Sendable {
    /// Every file is read, also such as look as they did when they were read last.
    public var checksum = false
    /// Symlinks below a source are taken for what they lead to.
    public var dereference = false
    public var rules = PathRules()
    /// The file that names what is staged; `-` is standard input.
    public var filesFrom: [UInt8]?
    /// What it names is ended by zeros instead of newlines.
    public var fromZeros = false
    /// Only say what would be done.
    public var dryRun = false
    /// How fast sources are read, all together.
    public var limit: ByteRate?

    public init() {}
}

extension Option {
    /// Of every command that moves bytes.
    static let limit = Option(
        "--bwlimit", value: "RATE", isShared: true,
        meaning: "at most so many KiB a second, or 1.5M, 10MB; as rsync")
}

extension OptionTable {
    static let ofSources = [
        shared("-c", "--checksum", meaning: "read every file, also such as look as they did when they were read last"),
        shared("-L", "--dereference", meaning: "take symlinks below SRC for what they lead to"),
        shared(
            nil, "--exclude", value: "PATTERN", meaning: "leave out what it matches, with all below it; as rsync"),
        shared(
            nil, "--include", value: "PATTERN", meaning: "take what it matches; of both the first counts"),
        shared(nil, "--files-from", value: "FILE", meaning: "only what FILE names, one a line; - is standard input"),
        shared("-0", "--from0", meaning: "FILE ends each with a zero"),
        shared("-n", "--dry-run", meaning: "only say what would be read and moved"),
        .limit,
    ]

    private static func shared(_ letter: String?, _ name: String, value: String? = nil, meaning: String) -> Option {
        if let letter { return Option(letter, name, value: value, isShared: true, meaning: meaning) }
        return Option(name, value: value, isShared: true, meaning: meaning)
    }
}

extension StagingOptions {
    /// From the options of a command in the order in which they were given.
    init(_ given: [OptionValue]) throws(CommandError) {
        var rules: [PathRules.Rule] = []
        for one in given {
            switch one.option.name {
            case "--checksum": checksum = true
            case "--dereference": dereference = true
            case "--exclude": rules.append(PathRules.Rule(one.value, includes: false))
            case "--include": rules.append(PathRules.Rule(one.value, includes: true))
            case "--files-from": filesFrom = one.value
            case "--from0": fromZeros = true
            case "--dry-run": dryRun = true
            case "--bwlimit": limit = try one.limit()
            default: break
            }
        }
        self.rules = PathRules(rules)
    }
}
