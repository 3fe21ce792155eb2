// Commands of a simulated cluster's users, and their results.

import DaftEngine
import DaftModel
import DaftStore
import DaftWire
import Synchronization

/// One command. A tree is identified by its number: tree 2 is read from sources/t2 and published as /t2.
enum Errand: Hashable, Sendable {
    case put(Int, at: String)
    case diffuse(Int)
    case bcastPath(Int)
    case bcastName(Int)
    case fetch(Int, at: String)
    case get(Int)
    case cat(Int, [UInt8])
    case verify
    case repair
    /// One of two files that compete for the name /rival.
    case rival(Int, at: String)

    /// The tree that it publishes, if any.
    var publishes: Int? {
        switch self {
        case .put(let tree, _), .diffuse(let tree), .bcastPath(let tree): tree
        default: nil
        }
    }

    var isRival: Bool { if case .rival = self { true } else { false } }

    var words: String {
        switch self {
        case .cat(let tree, let file): "cat(\(tree), \(shown(file)))"
        default: "\(self)"
        }
    }

    /// The tree that must have been published.
    var wants: Int? {
        switch self {
        case .bcastName(let tree), .fetch(let tree, _), .get(let tree), .cat(let tree, _): tree
        default: nil
        }
    }
}

struct Done: Sendable {
    var report: Report
    /// The output of `cat`.
    var poured: [UInt8] = []
    /// The number of bad chunks found by `verify`.
    var corrupt: Int64 = 0
}

/// One command and its result.
struct Carried {
    let errand: Errand
    let done: Done
    /// The target of `get`.
    let target: String
    let wasStopped: Bool

    var isWell: Bool { done.report.failures.isEmpty }
}

let rivalName = (try? Name("/rival")) ?? .root

func treeName(_ tree: Int) -> Name { (try? Name("/t\(tree)")) ?? .root }

/// Executes a command at a station. `get` writes to `target`.
func carryOut(_ errand: Errand, at station: Station, sources: String, target: String) async -> Done {
    let session = Session(at: station)
    func source(_ tree: Int) -> [UInt8] { Array("\(sources)/t\(tree)".utf8) }
    switch errand {
    case .put(let tree, let host): return Done(report: await session.put([source(tree)], at: host))
    case .diffuse(let tree): return Done(report: await session.diffuse([source(tree)]))
    case .bcastPath(let tree): return Done(report: await session.bcast([source(tree)]))
    case .bcastName(let tree): return Done(report: await session.bcast([treeName(tree).bytes]))
    case .fetch(let tree, let host): return Done(report: await session.fetch([treeName(tree)], at: host))
    case .get(let tree): return Done(report: await session.get([treeName(tree)], to: Array(target.utf8)))
    case .rival(let rival, let host):
        return Done(report: await session.put([Array("\(sources)/rival\(rival)".utf8)], at: host, as: rivalName))
    case .verify:
        let (report, verified) = await session.verify([])
        return Done(report: report, corrupt: verified.reduce(0) { $0 + $1.verified.corrupt })
    case .repair: return Done(report: await session.repair())
    case .cat(let tree, let file):
        let poured = Mutex<[UInt8]>([])
        guard let name = try? treeName(tree).appending(file) else { return Done(report: Report()) }
        let report = await session.cat(name) { bytes in poured.withLock { $0 += bytes } }
        return Done(report: report, poured: poured.withLock { $0 })
    }
}
