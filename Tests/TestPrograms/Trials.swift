// Random trials, few or many: `make test` makes a share of each kind, always the same; `make soak` makes all of them,
// from a seed of its own (DAFT_SOAK=1). Both say the seed, and take another: DAFT_SEED=7.

import Foundation
import Glibc

public enum Trials {
    public static let areAll = variable("DAFT_SOAK") == "1"

    /// What all that is random in a test is drawn from.
    public static let seed = variable("DAFT_SEED").flatMap { UInt64($0) } ?? (areAll ? .random(in: 1...999_999) : 1)

    /// How many are made, of `all` that there could be.
    public static func count(_ all: Int, share: Int) -> Int { areAll ? all : min(share, all) }

    /// The line about a promise that the page of promises takes up: what was tried, and what was measured. Whether the
    /// promise was kept is for the test to say.
    public static func report(_ promise: String, _ outcome: String) {
        FileHandle.standardOutput.write(
            Data("promise: \(promise): \(outcome) (DAFT_SEED=\(seed)\(areAll ? " DAFT_SOAK=1" : ""))\n".utf8))
    }
}

private func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
