// Random trials: `make test` runs a fixed share of each kind, `make soak` (DAFT_SOAK=1) all with a random seed. Both
// print the seed; DAFT_SEED=7 sets it.

import Foundation
import Glibc

public enum Trials {
    public static let areAll = variable("DAFT_SOAK") == "1"

    /// The seed of all randomness in tests.
    public static let seed = variable("DAFT_SEED").flatMap { UInt64($0) } ?? (areAll ? .random(in: 1...999_999) : 1)

    /// The number of trials to run out of `all`.
    public static func count(_ all: Int, share: Int) -> Int { areAll ? all : min(share, all) }

    /// Prints what was tried and measured for the page of promises. The test itself decides whether the promise holds.
    public static func report(_ promise: String, _ outcome: String) {
        FileHandle.standardOutput.write(
            Data("promise: \(promise): \(outcome) (DAFT_SEED=\(seed)\(areAll ? " DAFT_SOAK=1" : ""))\n".utf8))
    }
}

private func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
