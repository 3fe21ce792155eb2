// The system under test: a metadata server and data servers in this process, over the memory link.

import DaftEngine
import DaftModel

struct LocalRun {
    let system: LocalSystem

    /// Stores and catalogue are in `directory`; the first data server shares the metadata server's node.
    init(_ directory: String, dataServers: Int) async throws {
        var settings = [Settings(host: "n0", catalogue: directory + ".catalogue")]
        for number in 0..<dataServers {
            settings.append(Settings(host: "n\(number)", store: Array("\(directory).store\(number)".utf8)))
        }
        system = try await LocalSystem.start(settings)
    }

    func close() { system.close() }

    func put(_ path: String) async throws {
        try await succeed { await $0.put([Array(path.utf8)]) }
    }

    func diffuse(_ path: String) async throws {
        try await succeed { await $0.diffuse([Array(path.utf8)]) }
    }

    /// Broadcasts a local path or a published name.
    func bcast(_ name: String) async throws {
        try await succeed { await $0.bcast([Array(name.utf8)]) }
    }

    func get(_ name: String, to path: String) async throws {
        let name = try Name(Array(name.utf8))
        try await succeed { await $0.get([name], to: Array(path.utf8)) }
    }

    private func succeed(_ verb: @escaping @Sendable (Session) async -> Report) async throws {
        let report = await system.run { await verb(Session(at: $0)) }
        if let failure = report.failures.first { throw failure }
    }
}
