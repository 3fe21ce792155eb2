// Views: a million attribute lookups by eight tasks, and listing a directory of a million names.

import DaftCatalogue
import DaftEngine
import DaftModel
import DaftStore

struct ViewBench {
    private static let names = 1_000_000
    /// Names that a client looks up repeatedly.
    private static let fewNames = 10_000
    private static let tasks = 8
    private static let pageNames = 1_000
    private static let rounds = 3
    private let scratch: Scratch

    init(_ scratch: Scratch) { self.scratch = scratch }

    func run() async throws -> [Row] {
        let place = scratch.path + "/view"
        try fill(place + ".catalogue")
        let daft = try await LocalRun(place, dataServers: 1)
        defer {
            daft.close()
            // The end of the benchmark removes what is left.
            _ = try? scratch.fresh("view.catalogue")
            _ = try? scratch.fresh("view.store0")
        }
        let view = try await Namespace(following: daft.system.metadataServer)
        var (again, asked, listed): ([Double], [Double], [Double]) = ([], [], [])
        for _ in 0..<ViewBench.rounds {
            again.append(
                Double(ViewBench.names) / (try await cost { try await ask(view, ViewBench.fewNames) }).seconds)
            asked.append(Double(ViewBench.names) / (try await cost { try await ask(view, ViewBench.names) }).seconds)
            listed.append(Double(ViewBench.names) / (try await cost { try await listAll(view) }).seconds)
        }
        return [
            Row("attributes of 10⁴ names, 10⁶ times by 8 tasks", perSecond: median(again), atLeast: 200_000),
            Row("the same of 10⁶ names, each once", perSecond: median(asked), atLeast: 200_000),
            Row("entries of a directory of 10⁶ names", perSecond: median(listed), atLeast: 500_000),
        ]
    }

    private static func name(_ number: Int) throws -> Name { try Name(Array("/set/file-\(number).bin".utf8)) }

    private func fill(_ file: String) throws {
        let catalogue = try Catalogue(path: file)
        defer { catalogue.close() }
        try catalogue.change { (change) throws(Failure) in
            try change.append(.system(.random()))
            try change.append(.store(StoreInfo(id: .random(), host: "n0", path: Array("/store".utf8))))
            try change.append(.entry(NamedEntry(.top(UInt8(ascii: "x")), Entry(.directory, mode: 0o755, mtime: .zero))))
        }
        for start in stride(from: 0, to: ViewBench.names, by: ViewBench.pageNames) {
            try publish(start..<start + ViewBench.pageNames, in: catalogue)
        }
    }

    private func publish(_ numbers: Range<Int>, in catalogue: Catalogue) throws {
        let files = try numbers.map { number in (try ViewBench.name(number), ViewBench.manifest(number)) }
        let set = NamedEntry(try Name("/set"), Entry(.directory, mode: 0o755, mtime: .zero))
        try catalogue.change { (change) throws(Failure) in
            if try change.entry(set.name) == nil { try change.append(.entry(set)) }
            for (name, manifest) in files {
                let content = manifest.contentID
                try change.append(.content(content, manifest, stores: BitSet([0])))
                try change.append(.entry(NamedEntry(name, Entry(.file(content), mode: 0o644, mtime: .zero))))
            }
        }
    }

    private static func manifest(_ number: Int) -> Manifest {
        Manifest(size: 4096, chunkSize: .standard, chunks: [digest(of: Array("chunk \(number)".utf8))])
    }

    private func ask(_ view: Namespace, _ names: Int) async throws {
        let sum = try await withThrowingTaskGroup(of: Int64.self) { group in
            for task in 0..<ViewBench.tasks {
                group.addTask {
                    var sum: Int64 = 0
                    // Not in name order.
                    for step in stride(from: task, to: ViewBench.names, by: ViewBench.tasks) {
                        sum += try await view.attributes(of: try ViewBench.name(step * 7919 % names)).size
                    }
                    return sum
                }
            }
            return try await group.reduce(0, +)
        }
        guard sum == Int64(ViewBench.names) * 4096 else { throw PeerFailure(description: "\(sum) bytes are listed") }
    }

    private func listAll(_ view: Namespace) async throws {
        let directory = try Name("/set")
        var (count, after): (Int, Name?) = (0, nil)
        while true {
            let page = try await view.entries(of: directory, after: after, limit: ViewBench.pageNames)
            count += page.count
            if page.count < ViewBench.pageNames { break }
            after = page.last?.name
        }
        guard count == ViewBench.names else { throw PeerFailure(description: "\(count) names are listed") }
    }
}
