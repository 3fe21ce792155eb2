// gather: collects what a job's tasks wrote on each node.

import Foundation
import Glibc
import Testing

@Suite(.serialized, .enabled(if: PretendedNodes.areAllowed)) struct GatherTests {
    private let nodes: PretendedNodes

    init() throws { nodes = try PretendedNodes(largeBytes: 1 << 20) }

    /// Writes a file as a task on that node would.
    private func write(_ node: String, _ path: String, _ text: String) throws {
        let file = nodes.store(node) + "/" + path
        let folder = (file as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
    }

    private func read(_ path: String) -> String? {
        FileManager.default.contents(atPath: nodes.scratch[path]).map { String(decoding: $0, as: UTF8.self) }
    }

    private func failures(_ end: JobEnd) -> [[String: Any]] { end.rows.filter { $0["type"] as? String == "failure" } }

    @Test func eachNodesFilesComeToItsOwnFolder() throws {
        for node in PretendedNodes.data { try write(node, "out/sub/log", "of \(node)") }
        try write("n2", "more", "only here")
        let end = try nodes.run("gather", "out", "more", "--to", nodes.scratch["back"])
        #expect(end.status == 0, "\(end)")
        for node in PretendedNodes.data { #expect(read("back/\(node)/out/sub/log") == "of \(node)") }
        #expect(read("back/n2/more") == "only here")
        let warnings = end.rows.filter { $0["type"] as? String == "warning" }.compactMap { $0["node"] as? String }
        #expect(warnings.sorted() == ["n1", "n3"], "\(end)")
        #expect(end.numbers("files", of: "gather") == [4])
        #expect(try String(contentsOfFile: nodes.store("n1") + "/out/sub/log", encoding: .utf8) == "of n1")
        #expect(try nodes.run("ls").output.isEmpty)
    }

    @Test func gatherKeepsNoSecondCopyAndHonoursTheUmask() throws {
        for node in PretendedNodes.data {
            try write(node, "out/large", String(repeating: node, count: 1 << 20))
            chmod(nodes.store(node) + "/out/large", 0o666)
            chmod(nodes.store(node) + "/out", 0o777)
        }
        let before = PretendedNodes.data.map { nodes.written(below: nodes.store($0)) }
        let mask = umask(0o027)
        let end = try nodes.run("gather", "out", "--to", nodes.scratch["back"])
        umask(mask)
        #expect(end.status == 0, "\(end)")
        let after = PretendedNodes.data.map { nodes.written(below: nodes.store($0)) }
        #expect(zip(before, after).allSatisfy { $1 - $0 < 1 << 10 }, "\(before) \(after)")
        for node in PretendedNodes.data {
            #expect(read("back/\(node)/out/large") == String(repeating: node, count: 1 << 20))
            #expect(mode("back/\(node)/out/large") == 0o640 && mode("back/\(node)/out") == 0o750)
            #expect(mode("back/\(node)") == 0o750)
        }
    }

    private func mode(_ path: String) -> mode_t {
        var status = stat()
        return lstat(nodes.scratch[path], &status) == 0 ? status.st_mode & 0o7777 : 0
    }

    @Test func underANameItIsPublishedToo() throws {
        for node in PretendedNodes.data { try write(node, "out/log", "of \(node)") }
        let end = try nodes.run("gather", "out", "--to", nodes.scratch["back"], "--as", "/results")
        #expect(end.status == 0, "\(end)")
        #expect(read("back/n2/out/log") == "of n2")
        let staged = try nodes.run("bcast", "/results")
        #expect(staged.status == 0, "\(staged)")
        #expect(FileManager.default.fileExists(atPath: nodes.store("n3") + "/results/n1/out/log"))
    }

    @Test func whatIsDaftsOwnIsNotGatheredRelativeOrAbsolute() throws {
        try write("n1", "out/log", "x")
        for path in [".daft", "out/../.daft", nodes.store("n1") + "/.daft/partial", nodes.store("n1") + "/.daft"] {
            let end = try nodes.run("gather", path, "--to", nodes.scratch["back"])
            #expect(end.status != 0, "\(end)")
            #expect(end.rows.contains { ($0["reason"] as? String)?.contains("daft's own") ?? false }, "\(end)")
            #expect(!FileManager.default.fileExists(atPath: nodes.scratch["back/n1"]), "\(end)")
        }
    }

    @Test func mergedWhatClashesIsNamedAndAllElseDone() throws {
        for node in PretendedNodes.data {
            try write(node, "out/own-\(node)", node)
            try write(node, "out/same", "the same")
        }
        try write("n1", "out/clash", "one")
        try write("n3", "out/clash", "two")
        let end = try nodes.run("gather", "--merge", "out", "--to", nodes.scratch["back"], "--as", "/results/1")
        #expect(end.status == 4, "\(end)")
        #expect(failures(end).count == 1)
        let reason = failures(end).first?["reason"] as? String
        #expect(reason == "not the same on n1 and n3: not written", "\(end)")
        #expect(failures(end).first?["subject"] as? String == nodes.scratch["back/out/clash"])
        for node in PretendedNodes.data { #expect(read("back/out/own-\(node)") == node) }
        #expect(read("back/out/same") == "the same" && read("back/out/clash") == nil)
        let listed = try nodes.run("ls", "/results/1")
        #expect(listed.output.contains("/results/1/n2"), "\(listed)")
    }

    @Test func theSameCommandAgainMovesNothingAndWhatHasChangedComesAnew() throws {
        for node in PretendedNodes.data { try write(node, "out/log", "of \(node)") }
        let command = ["gather", "out", "--to", nodes.scratch["back"]]
        #expect(try nodes.start(command).end().status == 0)
        let again = try nodes.start(command).end()
        #expect(again.status == 0 && again.numbers("moved", of: "gather") == [0], "\(again)")
        try write("n2", "out/log", "another")
        let changed = try nodes.start(command).end()
        #expect(changed.status == 0, "\(changed)")
        #expect(read("back/n2/out/log") == "another" && read("back/n3/out/log") == "of n3")
    }

    @Test func whatIsOnNoNodeIsAnError() throws {
        let end = try nodes.run("gather", "none", "--to", nodes.scratch["back"])
        #expect(end.status == 1, "\(end)")
        #expect(failures(end).compactMap { $0["reason"] as? String } == ["on no node is it there"])
        #expect(!FileManager.default.fileExists(atPath: nodes.scratch["back"]))
        let usage = try nodes.run("gather", "a/x", "b/x", "--to", nodes.scratch["back"])
        #expect(usage.status == 2, "\(usage)")
        #expect(try nodes.run("gather", "x").status == 2)
    }
}
