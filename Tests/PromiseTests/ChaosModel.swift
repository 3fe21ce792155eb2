// The model of a chaos run: for each name, its possible contents and its final one. A pure value, updated at the start
// and end of every command; a contradiction is a violation.

struct ChaosModel {
    /// A file name with one of the contents published under it.
    struct Item: Hashable, Sendable {
        let name: String
        let variant: Int
    }

    /// The result of a publication.
    enum Publication: Equatable {
        case done
        /// The name has another content.
        case refused
        /// Anything else: each name may or may not have been published.
        case failed
    }

    /// The result of reading one name.
    enum Reading: Equatable {
        case content(Int)
        /// Bytes never published under this name.
        case foreign
        case absent
        /// The system reports the content as corrupt or lost.
        case lost
        case failed
    }

    struct Knowledge: Equatable {
        /// Contents that commands tried to publish, with any result.
        var attempted: Set<Int> = []
        /// Contents that were refused: the name has another one.
        var refused: Set<Int> = []
        /// The final content, once a command has reported or read it.
        var bound: Int?
        /// Once a publication is acknowledged, the content must exist.
        var isAcknowledged = false
        /// Copies requested by an acknowledged command.
        var copies = 1
        var isWantedEverywhere = false
    }

    private(set) var names: [String: Knowledge] = [:]
    private(set) var violations: [String] = []

    subscript(name: String) -> Knowledge { names[name] ?? Knowledge() }

    /// Whether the name has a final content. Ask before a read starts.
    func isBound(_ name: String) -> Bool { self[name].bound != nil }

    func isAcknowledged(_ name: String) -> Bool { self[name].isAcknowledged }

    /// Contents that the name may have; empty only if nobody has tried to publish it.
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
