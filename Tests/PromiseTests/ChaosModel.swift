// What a chaos run knows about each name: which contents it may have, and which one it has for good. A pure value: it
// learns from the start and the end of every command, and each end that contradicts what it knew is a violation.

struct ChaosModel {
    /// A file name with one of the contents that are published under it.
    struct Item: Hashable, Sendable {
        let name: String
        let variant: Int
    }

    /// What a publication said of its names.
    enum Publication: Equatable {
        case done
        /// The name has other content.
        case refused
        /// Anything else: each of its names may or may not be published.
        case failed
    }

    /// What came of reading one name.
    enum Reading: Equatable {
        case content(Int)
        /// Bytes that nobody has published under this name.
        case foreign
        case absent
        /// The system says that the content is corrupt or lost.
        case lost
        case failed
    }

    struct Knowledge: Equatable {
        /// Contents that a command has tried to publish, whatever came of it.
        var attempted: Set<Int> = []
        /// Contents that were refused: the name has another one.
        var refused: Set<Int> = []
        /// The content that the name has for ever, once a command has said or shown it.
        var bound: Int?
        /// A publication was acknowledged: from then on the content must be there.
        var isAcknowledged = false
        /// Copies that an acknowledged command asked for.
        var copies = 1
        var isWantedEverywhere = false
    }

    private(set) var names: [String: Knowledge] = [:]
    private(set) var violations: [String] = []

    subscript(name: String) -> Knowledge { names[name] ?? Knowledge() }

    /// What a later read of `name` may not contradict: taken before the read starts.
    func isBound(_ name: String) -> Bool { self[name].bound != nil }

    func isAcknowledged(_ name: String) -> Bool { self[name].isAcknowledged }

    /// What a name may have when nothing more is known; empty only where nobody has tried to publish it.
    func possible(_ name: String) -> Set<Int> {
        let known = self[name]
        return known.bound.map { [$0] } ?? known.attempted.subtracting(known.refused)
    }

    // MARK: publications

    mutating func begin(_ items: [Item]) {
        for item in items { names[item.name, default: Knowledge()].attempted.insert(item.variant) }
    }

    mutating func end(
        _ items: [Item], _ outcome: Publication, copies: Int = 1, everywhere: Bool = false, by command: String
    ) {
        switch outcome {
        case .done: for item in items { acknowledge(item, copies, everywhere, command) }
        case .refused where items.count == 1: refuse(items[0], command)
        case .refused, .failed: break
        }
    }

    private mutating func acknowledge(_ item: Item, _ copies: Int, _ everywhere: Bool, _ command: String) {
        bind(item, command)
        let most = max(self[item.name].copies, copies)
        names[item.name]?.isAcknowledged = true
        names[item.name]?.copies = most
        if everywhere { names[item.name]?.isWantedEverywhere = true }
    }

    private mutating func refuse(_ item: Item, _ command: String) {
        if self[item.name].bound == item.variant {
            violations.append("\(command): \(item.name) has the content \(item.variant), which was refused")
        }
        if self[item.name].attempted == [item.variant] {
            violations.append("\(command): \(item.name) was refused, and nobody has published anything else under it")
        }
        names[item.name, default: Knowledge()].refused.insert(item.variant)
    }

    private mutating func bind(_ item: Item, _ command: String) {
        let known = self[item.name]
        if let bound = known.bound, bound != item.variant {
            violations.append("\(command): \(item.name) had the content \(bound), and has \(item.variant) now")
        } else if known.refused.contains(item.variant) {
            violations.append("\(command): \(item.name) has the content \(item.variant), which was refused before")
        } else if !known.attempted.contains(item.variant) {
            violations.append("\(command): \(item.name) has the content \(item.variant), which nobody has published")
        }
        names[item.name, default: Knowledge()].bound = item.variant
    }

    // MARK: reads

    /// `wasBound`: whether the name was bound when the read began.
    mutating func read(_ name: String, _ reading: Reading, wasBound: Bool, by command: String) {
        switch reading {
        case .content(let variant): bind(Item(name: name, variant: variant), command)
        case .foreign: violations.append("\(command): the bytes of \(name) are those of no publication")
        case .absent where wasBound: violations.append("\(command): \(name) is published, and was not found")
        case .lost: violations.append("\(command): \(name) is said to be corrupt or lost")
        case .absent, .failed: break
        }
    }

    mutating func violate(_ what: String) { violations.append(what) }
}
