// Counts symlinks that lead out of the source, which dangle on other nodes, for one warning to the user.

import DaftModel

struct OutgoingLinks: Sendable {
    private var count = 0
    private var first: (path: [UInt8], target: [UInt8])?

    mutating func see(_ path: [UInt8], _ target: [UInt8]) {
        guard leadsOut(target, of: path) else { return }
        count += 1
        if first == nil { first = (path, target) }
    }

    mutating func add(_ more: OutgoingLinks) {
        count += more.count
        first = first ?? more.first
    }

    func warning(of source: [UInt8]) -> Failure? {
        guard let first else { return nil }
        let example = "\(shown(first.path)) → \(shown(first.target))"
        let what =
            count == 1
            ? "a symlink leads out of it: \(example); it would be broken on the nodes"
            : "\(count) symlinks lead out of it, the first: \(example); they would be broken on the nodes"
        return Failure(.failed, source, "\(what): --dereference stages what is there")
    }
}
