// The start of `daft node` over ssh, and its error messages.

import Foundation
import Glibc
import Testing
import TestPrograms

@Suite(.serialized) struct NodeTests {
    @Test(arguments: ["", "\u{5}\0\0", "\u{5}\0\0\0hello", "\u{1}\0\0\0\u{2}"])
    func whatIsNoOrderIsRefused(input: String) throws {
        let site = try Site()
        try input.write(toFile: site.path + "/order", atomically: true, encoding: .utf8)
        for words in [["node"], ["node", "--detached"]] {
            let node = try Running(
                builtProgram("daft"), words, in: site.path, variables: ["TMPDIR=\(site.path)"],
                input: site.path + "/order", output: site.path + "/out", errors: site.path + "/err")
            let ended = node.wait()
            #expect(ended.status == 1)
            #expect(ended.output.hasPrefix("daft-node failed 0a"), "\(ended)")
            try FileManager.default.removeItem(atPath: site.path + "/out")
        }
    }

    /// The metadata server's order, from the system file.
    private func order(of site: Site) throws -> Data {
        let file = try #require(FileManager.default.contents(atPath: site.path + "/catalogue/system"))
        // The rest: no other host, and one member: rank, `n1` without user and port, place.
        let order = file[1..<file.count - 1 - 4 - (4 + 4 + 4 + 2 + 2 + 2)]
        return withUnsafeBytes(of: UInt32(order.count).littleEndian) { Data($0) } + order
    }

    @Test func aNodeWhoseStarterIsGoneBeforeItRunsEnds() throws {
        let site = try Site()
        #expect(try site.run("start", try site.hosts("n1")).status == 0)
        let order = try order(of: site)
        site.endNodes()
        try order.write(to: URL(fileURLWithPath: site.path + "/order"))
        let node = try Running(
            builtProgram("daft"), ["node"], in: site.path, variables: ["TMPDIR=\(site.path)"],
            input: site.path + "/order", output: site.path + "/out", errors: site.path + "/err")
        let ended = node.wait()
        #expect(ended.status == 1 && ended.output.isEmpty, "\(ended)")
        let deadline = Date().addingTimeInterval(10)
        while site.nodes.contains(where: runs), Date() < deadline { usleep(5_000) }
        #expect(!site.nodes.contains(where: runs))
    }
}
