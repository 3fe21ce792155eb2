// `make demo` after its build, with the programs built for tests.

import Foundation
import Glibc
import Testing
import TestPrograms

@Suite(.serialized, .timeLimit(.minutes(2))) struct DemoTests {
    private let scratch: ReadmeScratch

    init() throws { scratch = try ReadmeScratch() }

    private func start() throws -> Running {
        let programs = (builtProgram("daft") as NSString).deletingLastPathComponent
        return try scratch.start("\(Readme.root)/tools/demo.sh", [programs])
    }

    /// Files and processes left over.
    private var left: [String] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: scratch.path)) ?? []
        return files.filter { !$0.hasPrefix(".run-") } + scratch.processes.map { scratch.commandLine(of: $0) }
    }

    @Test func itShowsWhatItSaysAndLeavesNothing() throws {
        let ended = try start().wait(seconds: 60)
        #expect(ended.status == 0 && ended.errors.isEmpty, "\(ended)")
        let lines = ended.output.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count <= 60, "\(lines.count) lines")
        #expect(lines.allSatisfy { $0.count <= 120 }, "\(ended.output)")
        for shown in [
            "serving 4 data servers", "another file is published under this name", "exit status 4", "stopped by SIGINT",
            "All four are the same",
            "What came back is what went in", "Nothing is left", "Next:",
        ] {
            #expect(ended.output.contains(shown), "\(shown)\n\(ended.output)")
        }
        #expect(left.isEmpty, "\(left)")
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func whoeverEndsItEarlyFindsNothingOfIt(signal: Int32) throws {
        let running = try start()
        #expect(soon(seconds: 20) { scratch.output(of: 0).contains("serving 4 data servers") })
        // To the whole group, as a terminal does.
        kill(-running.id, signal)
        let ended = running.wait(seconds: 15)
        #expect(ended.status == 128 + signal, "\(ended)")
        #expect(left.isEmpty, "\(left)")
    }
}
