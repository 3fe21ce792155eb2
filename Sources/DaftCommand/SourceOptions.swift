// The source options of put, bcast and diffuse.

import DaftModel
import DaftPlan

extension Option {
    /// Common to all commands that transfer data.
    static let limit = Option(
        "--bwlimit", value: "RATE", isShared: true,
        meaning: "limit the rate: KiB a second, or 1.5M, 10MB, as rsync")
}

extension OptionTable {
    static let ofSources = [
        shared("-c", "--checksum", meaning: "read every file, also those that look unchanged"),
        shared("-L", "--dereference", meaning: "follow symlinks below SRC"),
        shared(
            nil, "--exclude", value: "PATTERN", meaning: "skip matching files and directories, as rsync"),
        shared(
            nil, "--include", value: "PATTERN", meaning: "take matching ones; the first match decides"),
        shared(nil, "--files-from", value: "FILE", meaning: "only the paths in FILE, one a line; - is standard input"),
        shared("-0", "--from0", meaning: "zero bytes end the paths in FILE"),
        shared("-n", "--dry-run", meaning: "only report what would be read and moved"),
        .limit,
    ]

    private static func shared(_ letter: String?, _ name: String, value: String? = nil, meaning: String) -> Option {
        if let letter { return Option(letter, name, value: value, isShared: true, meaning: meaning) }
        return Option(name, value: value, isShared: true, meaning: meaning)
    }
}

extension StagingOptions {
    /// From a command's options in the given order.
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
