// The plan of a chaos trial, drawn from its seed: files, commands of each client, and timed faults. It does not depend
// on results, so the same seed gives the same plan.

import TestDisk

/// A source: a file, or a directory of three.
struct ChaosSubject: Sendable {
    static let variants = 2
    private static let sizes = [0, 1, 700, 5_000, 65_535, 65_536, 200_000, 1_000_000, 4_000_000]

    let number: Int
    private let shape: Int

    init(_ number: Int, _ random: inout Sequence64) {
        self.number = number
        shape = Int.random(in: 0..<100, using: &random)
    }

    var isTree: Bool { number % 4 == 3 }

    /// The name under which it is published.
    var name: String { isTree ? "/t\(number)" : "/f\(number)" }

    /// Its files by name, with sizes.
    var files: [(name: String, size: Int)] {
        let sizes = ChaosSubject.sizes
        return isTree
            ? (0..<3).map { ("\(name)/\($0)", sizes[(shape + $0) % 7]) } : [(name, sizes[shape % sizes.count])]
    }

    /// Files with equal numbers have equal bytes: a subject's first content is also its neighbour's.
    func bytesNumber(_ file: Int, variant: Int) -> Int {
        variant == 0 ? (number / 2 * 4 + file) : 1_000_000 + number * 4 + file
    }

    func items(_ variant: Int) -> [ChaosModel.Item] {
        files.map { ChaosModel.Item(name: $0.name, variant: variant) }
    }
}

struct ChaosCommand: Sendable {
    enum Verb: String, CaseIterable, Sendable {
        case put, bcast, diffuse, fetch, get, cat, verify, repair, leave, join
        /// A bcast of a published name.
        case spread

        fileprivate var weight: Int {
            switch self {
            case .put: 22
            case .cat, .get: 12
            case .bcast, .diffuse, .fetch: 9
            case .verify: 4
            case .spread, .repair: 5
            case .leave: 1
            case .join: 2
            }
        }
    }

    let verb: Verb
    let subject: Int
    let variant: Int
    /// Where it is run.
    let client: Int
    /// The data server that it names, if any.
    let target: Int
    let copies: Int

    var publishes: Bool { verb == .put || verb == .diffuse || verb == .bcast }

    init(client hosts: Int, subjects: Range<Int>, _ random: inout Sequence64) {
        var place = Int.random(in: 0..<Verb.allCases.reduce(0) { $0 + $1.weight }, using: &random)
        var verb = Verb.put
        for one in Verb.allCases {
            verb = one
            if place < one.weight { break }
            place -= one.weight
        }
        self.verb = verb
        subject = Int.random(in: subjects, using: &random)
        variant = Int.random(in: 0..<3, using: &random) == 0 ? 1 : 0
        client = Int.random(in: 0..<hosts, using: &random)
        target = Int.random(in: 1..<hosts, using: &random)
        copies = Int.random(in: 0..<3, using: &random) == 0 ? 2 : 1
    }
}

struct ChaosFault: Sendable {
    enum Kind: String, CaseIterable, Sendable {
        /// SIGKILL to a host's daft process, later restarted.
        case kill
        /// SIGSTOP, then SIGCONT.
        case freeze
        /// The host's link is down.
        case cut
        /// The disk of the store or catalogue is full.
        case full
    }

    let kind: Kind
    /// Host 0 has the metadata server.
    let host: Int
    let begin: Double
    let end: Double
}

struct ChaosPlan: Sendable {
    /// Duration of the faulty part, in which every fault ends.
    static let seconds = 25.0
    static let clients = 4
    private static let commandsOfAClient = 400
    /// Commands compete for a few new names at a time, so a client's next command may use the next name.
    private static let window = 8
    private static let subjectsCount = 56

    let seed: UInt64
    let subjects: [ChaosSubject]
    /// By client, in order.
    let commands: [[ChaosCommand]]
    let faults: [ChaosFault]

    init(seed: UInt64, hosts: Int) {
        self.seed = seed
        var random = Sequence64(seed)
        var subjects: [ChaosSubject] = []
        for number in 0..<ChaosPlan.subjectsCount { subjects.append(ChaosSubject(number, &random)) }
        self.subjects = subjects
        commands = (0..<ChaosPlan.clients).map { _ in
            (0..<ChaosPlan.commandsOfAClient).map { index in
                let first = min(index, ChaosPlan.subjectsCount - ChaosPlan.window)
                return ChaosCommand(client: hosts, subjects: first..<first + ChaosPlan.window, &random)
            }
        }
        faults = ChaosPlan.faults(hosts, &random)
    }

    /// Two sequences of faults, so that two may overlap. Most are short; one in four exceeds the ten-second failure
    /// timeout.
    private static func faults(_ hosts: Int, _ random: inout Sequence64) -> [ChaosFault] {
        var faults: [ChaosFault] = []
        for _ in 0..<2 {
            var time = Double.random(in: 1..<5, using: &random)
            while time < seconds - 3 {
                let isLong = Int.random(in: 0..<4, using: &random) == 0
                let length = Double.random(in: isLong ? 11..<14 : 0.3..<5, using: &random)
                let kind = ChaosFault.Kind.allCases[Int.random(in: 0..<4, using: &random)]
                let host = Int.random(in: 0..<hosts, using: &random)
                faults.append(ChaosFault(kind: kind, host: host, begin: time, end: min(time + length, seconds)))
                time += length + Double.random(in: 0.5..<4, using: &random)
            }
        }
        return faults.sorted { $0.begin < $1.begin }
    }
}
