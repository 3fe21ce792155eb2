// The options by which put, bcast and diffuse take their sources.

import DaftModel
import DaftPlan

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
        self.init()
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
