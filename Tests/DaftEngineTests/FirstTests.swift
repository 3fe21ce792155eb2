// Every verb once, over real stores.

import DaftEngine
import DaftModel
import Foundation
import Testing

@Suite struct FirstTests {
    @Test func putBcastGet() async throws {
        let base = "/tmp/daft-first-\(UInt64.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: base) }
        try FileManager.default.createDirectory(atPath: base + "/src/sub", withIntermediateDirectories: true)
        try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: base)
        for (i, size) in [0, 1, 4095, 4096, 4097, 3 << 20, 9 << 20].enumerated() {
            try Data(pseudorandom(size, UInt64(i))).write(to: URL(fileURLWithPath: base + "/src/sub/f\(i)"))
        }
        try FileManager.default.createSymbolicLink(atPath: base + "/src/link", withDestinationPath: "../nowhere")
        var settings = [Settings(host: "n0", catalogue: base + "/mds.sqlite")]
        for i in 0..<3 { settings.append(Settings(host: "n\(i)", store: Array("\(base)/store\(i)".utf8))) }
        let system = try await LocalSystem.start(settings)
        defer { system.close() }
        #expect(system.warnings.isEmpty)
        let put = await system.run { await Session(at: $0).put([Array("\(base)/src".utf8)]) }
        #expect(put.failures.isEmpty, "\(put.failures)")
        #expect(put.files == 7)
        let bcast = await system.run { await Session(at: $0).bcast([Array("/src".utf8)]) }
        #expect(bcast.failures.isEmpty, "\(bcast.failures)")
        let get = await system.run { await Session(at: $0).get([try! Name("/src")], to: Array("\(base)/out".utf8)) }
        #expect(get.failures.isEmpty, "\(get.failures)")
        for i in 0..<3 {
            #expect(try differencesOf("\(base)/src", "\(base)/store\(i)/src") == "")
        }
        #expect(try differencesOf("\(base)/src", "\(base)/out") == "")
    }
}

private func differencesOf(_ a: String, _ b: String) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/diff")
    process.arguments = ["-r", "--no-dereference", a, b]
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: data, as: UTF8.self)
}
