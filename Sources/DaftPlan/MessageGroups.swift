// Groups equal failures of many files into one message with a count.

import DaftModel

extension [Failure] {
    /// Groups what is missing on one node for one reason.
    public var condensed: [Failure] { condensed(fromCount: .max) }

    /// For people: also groups other failures that differ only in their subject, from `count` on. Lost data is always
    /// listed individually.
    public func condensed(fromCount count: Int) -> [Failure] {
        var groups: [MessageKey: Group] = [:]
        for failure in self { groups[MessageKey(failure), default: Group(of: failure)].add(failure.subject) }
        var seen: Set<MessageKey> = []
        return compactMap { failure in
            let sameness = MessageKey(failure)
            let least = sameness.isAbsence ? 2 : count
            guard let group = groups[sameness], group.count >= least, failure.kind != .corrupt else { return failure }
            guard seen.insert(sameness).inserted else { return nil }
            let reason = "\(failure.reason): \(group.more)" + (sameness.isAbsence ? " lack there" : "")
            return Failure(failure.kind, failure.subject, node: failure.node, reason)
        }
    }
}

private struct MessageKey: Hashable {
    let kind: Failure.Kind
    let node: String
    let reason: String

    init(_ failure: Failure) { (kind, node, reason) = (failure.kind, failure.node, failure.reason) }

    var isAbsence: Bool { kind == .unreachable && !node.isEmpty }
}

private struct Group {
    var count = 0
    /// The innermost common directory; empty if there is none.
    var folder: ArraySlice<UInt8>

    init(of failure: Failure) { folder = parent(of: failure.subject[...]) }

    mutating func add(_ subject: [UInt8]) {
        count += 1
        while !folder.isEmpty, !contains(subject) { folder = parent(of: folder) }
    }

    private func contains(_ path: [UInt8]) -> Bool {
        guard path.starts(with: folder) else { return false }
        return folder.elementsEqual([Name.slash]) || path.dropFirst(folder.count).first == Name.slash
    }

    var more: String { "this and \(count - 1) more" + (folder.isEmpty ? "" : " below \(shown(Array(folder)))") }
}

private func parent(of path: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    guard let cut = path.lastIndex(of: Name.slash) else { return [] }
    if cut > path.startIndex { return path[..<cut] }
    return path.count > 1 ? [Name.slash] : []
}
