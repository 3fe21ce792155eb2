// What must hold after the faults of a chaos trial: `start`, `repair` and `verify` heal the system, everything
// acknowledged is intact with its copies, no store shows wrong bytes, and nothing is left over.

import Foundation
import Glibc
import TestBox
import TestPrograms

extension ChaosTrial {
    /// Per node, also in a debug build.
    private static let memoryBytes = 256 << 20
    private static let healSeconds = 90.0

    private typealias State = (status: Int32, brief: String)

    /// Starts every data server, then repairs and verifies without errors.
    func heal() throws {
        let deadline = Date().addingTimeInterval(ChaosTrial.healSeconds)
        try heal("start", before: deadline) { try state(system.beginStart().wait(seconds: 80)) }
        try heal("join", before: deadline) {
            let hosts = ChaosSystem.dataServers.map { "n\($0)" }
            return try state(system.begin(["join"] + hosts, on: 0).wait(seconds: 80))
        }
        try heal("all are alive", before: deadline) {
            let status = try system.daft("--json", "status")
            let alive = status.output.split(separator: "\n").count { $0.contains(#""state":"alive""#) }
            return alive == ChaosSystem.hosts - 1 ? (0, "") : (1, "\(alive) data servers are alive")
        }
        for words in [["repair"], ["verify"]] {
            try heal(words[0], before: deadline) { try state(system.begin(words, on: 0).wait(seconds: 80)) }
        }
    }

    /// Retries until success; a reported loss is a violation at any time.
    private func heal(_ what: String, before deadline: Date, _ act: () throws -> State) throws {
        while true {
            let (status, brief) = try act()
            note("heal    \(what): \(brief)")
            if status == 5 { model.violate("\(what), after all faults: \(brief)") }
            if status == 0 { return }
            if Date() > deadline { return model.violate("\(what) does not succeed after all faults: \(brief)") }
            usleep(500_000)
        }
    }

    private func state(_ ended: Ended) -> State { (ended.status, ended.brief) }

    func check() throws {
        let before = model.violations.count
        try checkNames()
        try checkPublicationsAgain()
        // Files published again may lack copies requested while their data servers were away.
        try heal("repair", before: Date().addingTimeInterval(ChaosTrial.healSeconds)) {
            try state(system.daft("repair"))
        }
        try checkCopies()
        checkStores()
        lookAtMemory()
        if counts.peakBytes > ChaosTrial.memoryBytes {
            model.violate("a node has taken \(counts.peakBytes >> 20) MiB of memory")
        }
        for violation in model.violations[before...] { note("VIOLATION \(violation)") }
    }

    /// Every name has a possible content, read from each host in turn.
    private func checkNames() throws {
        let names = model.names.keys.sorted()
        for (index, name) in names.enumerated() {
            let place = system.place()
            defer { unlink(place) }
            let host = index % ChaosSystem.hosts
            let ended = try system.begin(["cat", name], on: host, output: place).wait(seconds: 60)
            let by = "n\(host): cat \(name), after all faults"
            switch ended.status {
            case 0:
                let bytes = FileManager.default.contents(atPath: place) ?? Data()
                let reading = system.variant(of: bytes, name).map { ChaosModel.Reading.content($0) } ?? .foreign
                model.read(name, reading, wasBound: model.isBound(name), by: by)
            case 3: model.read(name, .absent, wasBound: model.isBound(name), by: by)
            case 5 where !model.isAcknowledged(name): note("\(by): \(ended.brief)")
            default: model.violate("\(by): \(ended.brief)")
            }
        }
    }

    /// Every publication now succeeds, or is refused because the name has another content.
    private func checkPublicationsAgain() throws {
        for subject in plan.subjects {
            let variants = subject.files.reduce(Set(0..<ChaosSubject.variants)) {
                $0.intersection(model.possible($1.name))
            }
            guard let variant = variants.min() else { continue }
            let source = system.source(subject, variant)
            let ended = try system.daft("diffuse", source, on: subject.number % ChaosSystem.hosts)
            let by = "diffuse \(subject.name) again, after all faults"
            model.begin(subject.items(variant))
            model.end(subject.items(variant), ended.status == 0 ? .done : .failed, by: by)
            // In a tree that was never complete, a single file may have the other content.
            let isKnown = subject.files.allSatisfy { model[$0.name].bound == variant }
            if ended.status != 0, isKnown || ended.status != 4 { model.violate("\(by): \(ended.brief)") }
        }
    }

    private func checkCopies() throws {
        let known = model.names.filter { $0.value.isAcknowledged }
        guard !known.isEmpty else { return }
        let listed = try system.begin(["--json", "ls", "-l"] + known.keys.sorted(), on: 0).wait(seconds: 60)
        if listed.status != 0 { model.violate("ls of all that was acknowledged: \(listed.brief)") }
        var found = 0
        for line in listed.output.split(separator: "\n") {
            guard let entry = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
                let name = entry["name"] as? String, let wanted = known[name]
            else { continue }
            found += 1
            let places = (entry["complete"] as? [String] ?? []).count
            let partly = (entry["partly"] as? [Any] ?? []).count
            if wanted.isWantedEverywhere, places < ChaosSystem.hosts - 1 {
                model.violate("\(name) was broadcast and is complete on \(places) data servers: \(line)")
            } else if places + partly < wanted.copies {
                model.violate("\(name) is wanted \(wanted.copies) times and kept by \(places + partly): \(line)")
            }
        }
        if found != known.count { model.violate("ls names \(found) of \(known.count) names") }
    }

    /// No store shows bytes at a name that do not belong to it.
    private func checkStores() {
        for host in ChaosSystem.dataServers {
            for (name, known) in model.names {
                guard let bytes = system.kept(name, on: host) else { continue }
                let variant = system.variant(of: bytes, name)
                if variant == nil || variant != known.bound {
                    model.violate("the store of n\(host) shows \(bytes.count) bytes as \(name) that it does not have")
                }
            }
        }
    }

    /// `quit` ends every process and leaves nothing that only a running system needs.
    func quit() throws {
        let ended = try system.daft("quit", on: 1)
        note("quit    \(ended.brief)")
        if ended.status != 0 { model.violate("quit: \(ended.brief)") }
        if !soon(seconds: 10, { system.nodes.isEmpty }) { model.violate("\(system.nodes.count) nodes outlive quit") }
        let places = "\(system.store)/.daft \(system.store).mds"
        for host in 0..<ChaosSystem.hosts {
            let found = try system.box.shell("find \(places) -type s -o -name system 2>/dev/null", on: host)
            if !found.output.isEmpty { model.violate("n\(host): left after quit: \(found.output)") }
        }
    }
}
