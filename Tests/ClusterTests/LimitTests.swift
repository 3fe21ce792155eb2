// --bwlimit with several readers of one source or several senders to one receiver: the limit covers all together.

import Foundation
import Testing

@Suite(.serialized, .enabled(if: PretendedNodes.areAllowed)) struct LimitTests {
    private let nodes: PretendedNodes
    private let rate = 4 << 20

    init() throws { nodes = try PretendedNodes(largeBytes: 6 << 20) }

    /// Takes as long as `bytes` should, and not much longer.
    private func expectLimited(_ words: [String], bytes: Int, sourceLocation: SourceLocation = #_sourceLocation) throws
    {
        let begun = ContinuousClock.now
        let end = try nodes.start(words + ["--bwlimit", "4M"]).end()
        let seconds = (ContinuousClock.now - begun) / .seconds(1)
        let least = Double(bytes) / Double(rate)
        let isWell = end.status == 0 && (least * 0.9...least + 5).contains(seconds)
        #expect(isWell, "\(seconds) s, not \(least): \(end)", sourceLocation: sourceLocation)
    }

    @Test func processesThatReadOneSourceShareOneLimit() throws {
        try expectLimited(["diffuse", nodes.scratch["set"]], bytes: nodes.bytes)
        try expectLimited(["bcast", "--checksum", "--shared", nodes.scratch["set"]], bytes: nodes.bytes)
        let changes = try nodes.scratch.changes(from: "set", to: "store-n3/set", permissions: false)
        #expect(changes == "")
    }

    @Test func whatComesFromSeveralNodesSharesOneLimit() throws {
        for node in PretendedNodes.data {
            let folder = nodes.store(node) + "/out"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try nodes.scratch.makeFile("store-\(node)/out/log", bytes: 4 << 20)
        }
        try expectLimited(["gather", "out", "--to", nodes.scratch["back"]], bytes: 12 << 20)
        #expect(try nodes.scratch.changes(from: "store-n2/out", to: "back/n2/out", permissions: false) == "")
    }
}
