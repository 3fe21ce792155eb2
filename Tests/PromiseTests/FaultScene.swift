// A sequence of systems in a temporary directory, in one process or in processes under mpirun. The nodes a and b have a
// store each.

import Foundation
import Glibc
import TestPrograms

/// The commands under test, with what must hold afterwards.
enum FaultVerb: String, CaseIterable, Sendable {
    case get, fetch, verify, put, bcast
    /// A get of files that exist already, some with other times and modes.
    case complete

    var writesOut: Bool { self == .get || self == .complete }
}

/// Whose disk fails.
enum FaultRole: String, CaseIterable, Sendable {
    case metadataServer, source, destination
    /// The target directory of a get.
    case target

    static func all(of verb: FaultVerb) -> [FaultRole] { verb.writesOut ? allCases : allCases.dropLast() }
}

final class FaultScene {
    enum Shape: Sendable {
        /// daft-solo, with --durable.
        case oneProcess
        /// mpirun with three ranks, not durable.
        case processes
    }

    let shape: Shape
    let folder: String
    let calls: FaultyCalls
    let wanted: FaultTree
    private var running: Running?

    init(_ shape: Shape) throws {
        self.shape = shape
        folder = "\(FaultyCalls.baseDirectory)/daft-fault-\(UInt64.random(in: 0 ... .max))"
        calls = FaultyCalls(control: folder + "/control")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try FaultTree.make(at: folder + "/set")
        wanted = FaultTree(folder + "/set")
    }

    deinit {
        running?.end()
        clear()
        try? FileManager.default.removeItem(atPath: folder)
    }

    // MARK: paths

    /// All that daft writes is below this.
    var disk: String { folder + "/disk" }
    private var here: String { shape == .oneProcess ? "-a" : "" }
    private var there: String { shape == .oneProcess ? "-b" : ".1" }
    private var stores: [String] { ["\(disk)/s\(here)", "\(disk)/s\(there)"] }
    private var target: String { "\(disk)/target" }

    func directory(of role: FaultRole) -> String {
        switch role {
        case .metadataServer: "\(disk)/catalogue"
        case .source: stores[0]
        case .destination: stores[1]
        case .target: target
        }
    }

    // MARK: running

    func words(_ verb: FaultVerb) -> [String] {
        let host = Self.hostName
        let (first, second) = shape == .oneProcess ? ("@a", "@b") : ("@\(host):1", "@\(host):2")
        return switch verb {
        case .put: ["put", "set", first]
        case .bcast: ["bcast", "set"]
        case .fetch: ["fetch", "/set", second]
        case .get, .complete: ["get", "/set", "--to", target]
        case .verify: ["verify"]
        }
    }

    /// Empties the disk and creates what the verb needs.
    func prepare(_ verb: FaultVerb) throws -> [String] {
        clear()
        try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
        var before: Ended?
        switch verb {
        case .put, .bcast: break
        case .fetch, .get: before = try run(words(.put))
        case .complete:
            before = try run(words(.put))
            try FaultTree.make(at: target)
            for name in ["twin", "d/middle"] { FaultTree.touch("\(target)/\(name)") }
            for name in ["zeros", "small"] { chmod("\(target)/\(name)", 0o600) }
        case .verify:
            before = try run(words(.bcast))
            for name in ["large", "twin", "d/middle"] { FaultTree.spoil("\(stores[1])/set/\(name)") }
        }
        return before.map { $0.status == 0 ? [] : ["before any fault: \($0)"] } ?? []
    }

    /// Runs a command; with `below`, faults apply to its calls below that directory.
    func run(_ words: [String], failing below: String? = nil) throws -> Ended {
        for name in ["run.out", "run.err"] { unlink("\(folder)/\(name)") }
        let options = ["--store", "\(disk)/s", "--catalogue", "\(disk)/catalogue", "--chunk-size", "64K"]
        let faults = below.map { calls.variables(below: $0) } ?? []
        let running =
            switch shape {
            case .oneProcess:
                try start(builtProgram("daft-solo"), options + ["--durable", "--hosts", "a,b"] + words, faults)
            case .processes:
                try start(
                    "/usr/bin/mpirun",
                    ["--oversubscribe", "--bind-to", "none", "-np", "3", builtProgram("daft-run")] + options + words,
                    faults)
            }
        self.running = running
        defer { self.running = nil }
        return running.wait(seconds: 30)
    }

    private func start(
        _ program: String, _ words: [String], _ variables: [String]
    ) throws -> Running {
        try Running(
            program, words, in: folder,
            variables: variables + [
                "HOME=\(folder)", "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1",
                "OMPI_MCA_btl_vader_backing_directory=\(folder)", "OMPI_MCA_orte_tmpdir_base=\(folder)",
            ], input: "/dev/null", output: "\(folder)/run.out", errors: "\(folder)/run.err")
    }

    private static let hostName: String = {
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, name.count)
        return String(decoding: name.prefix { $0 != 0 && $0 != 46 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }()

    // MARK: inspection

    /// The trees that a verb affects, and their expected state.
    private func trees(_ verb: FaultVerb) -> [(path: String, wanted: FaultTree)] {
        switch verb {
        case .put: [("\(stores[0])/set", wanted.inStore)]
        case .get, .complete: [(target, wanted)]
        case .bcast, .fetch, .verify: stores.map { ("\($0)/set", wanted.inStore) }
        }
    }

    func differences(_ verb: FaultVerb) -> [String] {
        trees(verb).flatMap { path, wanted in
            FaultTree(path).differences(from: wanted).map { "in \(path): \($0)" }
        }
    }

    func halfWritten(_ verb: FaultVerb) -> [String] {
        trees(verb).flatMap { path, wanted in FaultTree(path).halfWritten(of: wanted).map { "in \(path): \($0)" } }
    }

    /// Unneeded files, and files marked as unsynced.
    func leftOvers() -> [String] {
        var found: [String] = []
        for store in stores {
            let partial = "\(store)/.daft/partial"
            let leaves = (try? FileManager.default.contentsOfDirectory(atPath: partial)) ?? []
            found += leaves.map { "\(partial)/\($0) is left over" }
        }
        for tree in stores + [target] {
            let names = FaultTree(tree).facts.keys.filter { !$0.hasPrefix("/.daft") } + ["/.daft/partial"]
            found += names.map { tree + $0 }.filter(FaultyCalls.isUnsynced).map { "\($0) was never synced" }
        }
        return found
    }

    /// As root everything can be removed; otherwise only what is writable.
    private func clear() {
        for name in FaultTree(disk).facts where name.value.kind == S_IFDIR { chmod(disk + name.key, 0o700) }
        try? FileManager.default.removeItem(atPath: disk)
    }
}
