// Bit flips in catalogue and store databases at rest are detected and reported with advice, or harmless; wrong bytes
// are never delivered.

import DaftModel
import Foundation
import Glibc
import TestDisk
import Testing
import TestPrograms

extension RotTests {
    @Test func flippedBitsInDatabasesAreFoundOrHarmless() throws {
        var dice = Sequence64(Trials.seed)
        let trials = Trials.count(300, share: 2)
        var found = 0
        for trial in 0..<trials {
            let system = try RotSystem(copies: 2)
            guard let file = system.databases.randomElement(using: &dice) else { continue }
            let bytes = FileManager.default.contents(atPath: file)?.count ?? 0
            let bit = Int.random(in: 0..<bytes * 8, using: &dice)
            try flip([bit], of: file)
            let what = "trial \(trial), bit \(bit) of \(file.dropFirst(system.path.count))"
            if try !isHarmless(system, what) {
                found += 1
                try expectRescue(of: file, in: system, what)
            }
        }
        Trials.report("bits rot, databases", "\(trials) flips, \(found) of them found by their files")
    }

    /// False if it is detected and reported.
    private func isHarmless(_ system: RotSystem, _ what: String) throws -> Bool {
        let ended = try system.run("ls -l", "get / --to out", "verify", "put src/d/s1 --as /new", seconds: 30)
        #expect((0...7).contains(ended.status), "\(what): \(ended)")
        let got = system.trees.map { system.compare($0, with: "\(system.path)/out/\($0)") }
        #expect(got.flatMap(\.wrong) == [], "\(what): \(ended)")
        if ended.status == 0 {
            #expect(got.allSatisfy { $0 == .same }, "\(what): \(got.flatMap(\.missing)) \(ended)")
            return true
        }
        #expect(
            ended.errors.contains(#/damaged|no catalogue of daft|this catalogue has format|another version/#),
            "\(what): \(ended)")
        return false
    }

    /// Following the message's advice helps.
    private func expectRescue(of file: String, in system: RotSystem, _ what: String) throws {
        let isStore = file.hasSuffix("store.sqlite")
        let away = isStore ? String(file.dropLast("/store.sqlite".count)) : file
        try FileManager.default.moveItem(atPath: away, toPath: away + ".away")
        let ended = try system.run("get / --to out", "verify")
        #expect(ended.status == 0, "\(what): \(ended)")
        for tree in system.trees {
            #expect(system.compare(tree, with: "\(system.path)/out/\(tree)") == .same, "\(what): \(ended)")
        }
    }
}

extension RotSystem {
    /// SQLite's files.
    var databases: [String] {
        stores.flatMap { ["\($0)/.daft/store.sqlite", "\($0)/.daft/catalogue.sqlite"] } + [
            "\(path)/st.mds/catalogue.sqlite"
        ]
    }
}
