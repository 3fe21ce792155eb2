// One power cut: a running system, a random moment, and the state after remounting.

import DaftCatalogue
import DaftCommand
import DaftModel
import DaftWire
import Foundation
import Glibc
import TestDisk
import TestPrograms

final class PowerTrial {
    enum Verb: String, CaseIterable, Sendable { case put, bcast, get, catalogue }

    /// Durations measured in the last trial, so that cuts fall within them.
    struct Pace {
        var startSeconds = 0.2
        var commandSeconds = 0.05
    }

    /// The result, with a line per violation.
    struct Outcome {
        /// Commands reported as done before the cut.
        var done = 0
        var commands = 0
        var wasStarting = false
        var lost: [String] = []
        var halfDone: [String] = []
        /// Violations found afterwards.
        var wrong: [String] = []

        var wasInCommand: Bool { !wasStarting && done < commands }
        var isKept: Bool { lost.isEmpty && halfDone.isEmpty && wrong.isEmpty }
    }

    private let verb: Verb
    private let isDurable: Bool
    private let program: PowerFixture.Program
    /// Only the disk disappears and the processes continue; otherwise they are killed at that moment, as in a power
    /// loss. An fsync during a filesystem shutdown may wrongly succeed, so reports of surviving processes after that
    /// prove nothing.
    private let goesOn: Bool
    private let fixture: PowerFixture
    private let sources: PowerSources
    private let commands: [String]
    private var random: Sequence64
    private var isAgain = false
    private var outcome = Outcome()

    init(
        _ filesystem: PowerDisk.Filesystem, _ verb: Verb, seed: UInt64, durable: Bool = true,
        by program: PowerFixture.Program = .solo
    ) throws {
        (self.verb, isDurable, self.program) = (verb, durable, program)
        random = Sequence64(seed)
        goesOn = program == .underMPI || Bool.random(using: &random)
        let parts = verb.layouts.randomElement(using: &random) ?? []
        let chunkSize = ["64K", "256K", "1M", "4M"].randomElement(using: &random) ?? "4M"
        fixture = try PowerFixture(filesystem, Set(parts), chunkSize: chunkSize)
        let (count, size) = verb == .catalogue ? (16, PowerSources.Size.tiny) : (6, .large)
        sources = try PowerSources(fixture.folder + "/src", count: count, size, &random)
        var lines: [String] = []
        for tree in 0..<count {
            let way = verb.ways.randomElement(using: &random) ?? ""
            lines.append(
                verb == .get ? "get /t\(tree) --to \(fixture[.target])/t\(tree)" : "\(way) \(sources.path)/t\(tree)")
        }
        commands = lines
        outcome.commands = count
    }

    func run(_ pace: inout Pace) throws -> Outcome {
        try prepare()
        let done = try cut(&pace)
        try fixture.disk.comeBack()
        look(for: done)
        if verb == .catalogue, !done.isEmpty { lookAtCatalogue(for: done) }
        if isDurable { outcome.halfDone += halfDone() }
        try restart(done)
        if isDurable {
            outcome.wrong += try complete(commands, then: "verify")
            look(for: Set(0..<sources.count))
        }
        return outcome
    }

    /// The previous state. In one of four trials a non-durable system has done the same before, and modes and mtimes
    /// have changed since: what is then reported as done must survive, although no data is moved.
    private func prepare() throws {
        if verb == .get { outcome.wrong += try complete((0..<sources.count).map { "put \(sources.path)/t\($0)" }) }
        isAgain = isDurable && Int.random(in: 0..<4, using: &random) == 0
        guard isAgain else { return }
        outcome.wrong += try complete(commands, durable: false)
        if verb != .get { sources.change(&random) }
    }

    /// Cuts the power; returns the trees whose commands were reported as done.
    private func cut(_ pace: inout Pace) throws -> Set<Int> {
        let start = Date()
        let job = try fixture.start(commands, by: program, durable: isDurable)
        defer { job.process.end() }
        // Nothing done by a non-durable system is promised until a durable one has started.
        if !isAgain, Int.random(in: 0..<8, using: &random) == 0 {
            wait(atMost: pace.startSeconds)
        } else {
            let goal = Int.random(in: 0..<commands.count, using: &random)
            job.process.wait { job.hasStarted }
            pace.startSeconds = Date().timeIntervalSince(start)
            job.process.wait { job.done.count >= goal }
            wait(atMost: 1.2 * pace.commandSeconds)
        }
        outcome.wasStarting = !job.hasStarted
        let done = job.done
        if !goesOn { job.process.signal(SIGKILL) }
        try fixture.disk.cut()
        // Each of its commands may wait 10 s for something lost with the disk.
        let ended = job.process.wait(seconds: 120)
        if goesOn, ended.status < 0 {
            outcome.wrong.append("ended by signal \(-ended.status): \(ended.errors)")
        }
        if let some = done.last { pace.commandSeconds = Double(some.milliseconds + 1) / 1_000 }
        outcome.done = done.count
        return Set(done.map(\.tree))
    }

    private func wait(atMost seconds: Double) {
        usleep(UInt32(Double.random(in: 0..<seconds, using: &random) * 1e6))
    }

    /// The paths of a tree after its command.
    private func copies(of tree: Int) -> [(path: String, isStored: Bool)] {
        switch commands[tree].prefix(while: { $0 != "/" }) {
        case "bcast ", "put --copies 2 ": [PowerFixture.Part.first, .second].map { ("\(fixture[$0])/t\(tree)", true) }
        case "put ": [("\(fixture[.first])/t\(tree)", true)]
        case "get ": [("\(fixture[.target])/t\(tree)", false)]
        default: []
        }
    }

    private func look(for done: Set<Int>) {
        for tree in done.sorted() {
            for copy in copies(of: tree) {
                outcome.lost += differences(
                    of: copy.path, from: "\(sources.path)/t\(tree)", isStored: copy.isStored)
            }
        }
    }

    /// Files that are truncated, torn or wrong at a final name, whether their command was done or not.
    private func halfDone() -> [String] {
        [PowerFixture.Part.first, .second, .target].flatMap { PromiseTests.halfDone(in: fixture[$0], of: sources.path) }
    }

    /// Checks the catalogue itself, before a data server can republish anything.
    private func lookAtCatalogue(for done: Set<Int>) {
        do {
            let catalogue = try Catalogue(path: fixture[.catalogue] + "/catalogue.sqlite", durable: true)
            defer { catalogue.close() }
            for tree in done.sorted() {
                for relative in paths(below: "\(sources.path)/t\(tree)") {
                    let name = "/t\(tree)\(relative)"
                    guard let copy = FileState(sources.path + name) else { continue }
                    if try !copy.isRight(catalogue.entry(Name(Array(name.utf8))), in: catalogue) {
                        outcome.lost.append("the catalogue's \(name)")
                    }
                }
            }
        } catch { outcome.lost.append("the catalogue: \(error)") }
    }

    /// A system on the same stores is consistent and has everything acknowledged. After false fsyncs processes may have
    /// published lost data, until the commands are run again.
    private func restart(_ done: Set<Int>) throws {
        let isRebooted = Bool.random(using: &random)
        let back = fixture.folder + "/back"
        let trees = verb == .get ? Set(0..<sources.count) : done
        let gets = trees.sorted().map { "get /t\($0) --to \(back)/t\($0)" }
        try FileManager.default.createDirectory(atPath: back, withIntermediateDirectories: true)
        let lines = (goesOn ? [] : ["verify"]) + gets
        let ended = try fixture.start(lines, by: program, rebooted: isRebooted).process.wait(seconds: 60)
        if ended.status != 0 { outcome.wrong.append("after the cut: \(ended)") }
        for tree in trees.sorted() {
            outcome.lost += differences(of: "\(back)/t\(tree)", from: "\(sources.path)/t\(tree)", isStored: false)
        }
        look(for: done)
    }

    /// Runs commands to their end; returns what went wrong.
    private func complete(_ lines: [String], then last: String = "", durable: Bool = true) throws -> [String] {
        let job = try fixture.start(lines + [last], by: program, durable: durable)
        let ended = job.process.wait(seconds: 60)
        if ended.status == 0, job.done.count == lines.count { return [] }
        return ["\(lines[0]) … came to \(ended)"]
    }
}

extension PowerTrial.Verb {
    /// Which parts are on the disk to be cut.
    fileprivate var layouts: [[PowerFixture.Part]] {
        let all = PowerFixture.Part.allCases
        return switch self {
        case .put: [all, [.first], [.first, .catalogue], [.first, .second]]
        case .bcast: [all, [.first], [.second], [.first, .second]]
        case .get: [all, [.target]]
        case .catalogue: [all, [.catalogue]]
        }
    }

    fileprivate var ways: [String] {
        switch self {
        case .put: ["put", "put", "put --copies 2", "diffuse"]
        case .bcast: ["bcast"]
        case .get: ["get"]
        case .catalogue: ["put"]
        }
    }
}

extension FileState {
    /// Whether the catalogue's entry matches.
    fileprivate func isRight(_ entry: Entry?, in catalogue: Catalogue) throws -> Bool {
        guard let entry, entry.mtime == Time(seconds: Int64(seconds), nanoseconds: UInt32(nanoseconds)) else {
            return false
        }
        switch (kind, entry.kind) {
        case (.file(let bytes), .file(let content)):
            return try entry.mode == UInt16(mode) && catalogue.size(of: content)?.bytes == Int64(bytes.count)
        case (.directory, .directory): return entry.mode == UInt16(mode)
        case (.symlink(let target), .symlink(let found)): return Array(target.utf8) == found
        default: return false
        }
    }
}
