// One command of a chaos trial, run by a real `daft`, and its effect on the model.

import Foundation
import Glibc
import TestPrograms

/// A running command.
final class ChaosClient {
    /// Longer than any fault plus the ten-second failure timeout and a restart.
    static let seconds = 75.0

    let command: ChaosCommand
    let words: [String]
    let began = Date()
    private let subject: ChaosSubject
    private let running: Running
    private let output: String?
    /// The file that a reading command reads.
    private let name: String
    private let wasBound: Bool

    init(_ command: ChaosCommand, of system: ChaosSystem, _ plan: ChaosPlan, _ model: inout ChaosModel) throws {
        self.command = command
        let subject = plan.subjects[command.subject]
        self.subject = subject
        name = subject.files[command.target % subject.files.count].name
        wasBound = model.isBound(name)
        let place = command.verb == .get || command.verb == .cat ? system.place() : nil
        output = place
        words = ChaosClient.words(
            command, subject, source: system.source(subject, command.variant), name: name, place ?? "")
        if command.publishes { model.begin(subject.items(command.variant)) }
        let host = command.verb == .join ? 0 : command.client
        running = try system.begin(words, on: host, output: command.verb == .cat ? place : nil)
    }

    private static func words(
        _ command: ChaosCommand, _ subject: ChaosSubject, source: String, name: String, _ place: String
    ) -> [String] {
        let target = "n\(command.target)"
        let copies = command.copies == 1 ? [] : ["--copies", "\(command.copies)"]
        return switch command.verb {
        case .put: ["put"] + copies + (command.copies == 1 ? ["\(source)@\(target)"] : [source])
        case .diffuse: ["diffuse"] + copies + [source]
        case .bcast: ["bcast", source]
        case .spread: ["bcast", subject.name]
        case .fetch: ["fetch", "\(name)@\(target)"]
        case .get: ["get", name, "--to", place]
        case .cat: ["cat", name]
        case .verify: command.copies == 1 ? ["verify"] : ["verify", subject.name]
        case .repair: ["repair"]
        case .leave: ["leave", target]
        case .join: ["join", "--launch-timeout", "5s", target]
        }
    }

    /// The result, once it has ended; a late command is killed.
    func ended() -> Ended? {
        if running.hasEnded { return running.wait(seconds: 0) }
        return seconds > ChaosClient.seconds ? running.wait(seconds: 0) : nil
    }

    var seconds: Double { Date().timeIntervalSince(began) }

    var line: String { "n\(command.verb == .join ? 0 : command.client): daft \(words.joined(separator: " "))" }

    /// Updates the model with the result.
    func judge(_ ended: Ended, of system: ChaosSystem, _ model: inout ChaosModel) {
        defer { if let output { unlink(output) } }
        if let fault = ChaosClient.fault(of: ended, after: seconds) { model.violate("\(line): \(fault)") }
        switch command.verb {
        case .put, .diffuse, .bcast:
            let outcome: ChaosModel.Publication = ended.status == 0 ? .done : ended.status == 4 ? .refused : .failed
            model.end(
                subject.items(command.variant), outcome, copies: command.verb == .bcast ? 1 : command.copies,
                everywhere: command.verb == .bcast, by: line)
        case .get, .cat: model.read(name, reading(ended, system), wasBound: wasBound, by: line)
        case .fetch: judgeFetch(ended, system, &model)
        case .verify, .repair, .leave, .spread, .join:
            if ended.status == 5 { model.violate("\(line): it speaks of a loss: \(ended.brief)") }
        }
    }

    /// Results that no command may have under any circumstances.
    private static func fault(of ended: Ended, after seconds: Double) -> String? {
        if ended.errors.hasPrefix("KILLED: ") { return "not over after \(Int(seconds)) s: \(ended.brief)" }
        if ended.status < 0 || ended.status > 7 { return "status \(ended.status): \(ended.brief)" }
        if ended.status == 2 { return "taken for wrong words: \(ended.brief)" }
        let says = ended.errors.split(separator: "\n").contains { $0.hasPrefix("daft: ") && $0.count > 12 }
        if ended.status != 0, !says { return "status \(ended.status) without a reason: \(ended.brief)" }
        return nil
    }

    private func reading(_ ended: Ended, _ system: ChaosSystem) -> ChaosModel.Reading {
        switch ended.status {
        case 0:
            let bytes = output.flatMap { FileManager.default.contents(atPath: $0) }
            return bytes.flatMap { system.variant(of: $0, name) }.map { .content($0) } ?? .foreign
        case 3: return .absent
        case 5: return .lost
        default: return .failed
        }
    }

    /// Fetched files are in the store, whatever has happened to its data server since.
    private func judgeFetch(_ ended: Ended, _ system: ChaosSystem, _ model: inout ChaosModel) {
        guard ended.status == 0 else {
            return model.read(name, reading(ended, system), wasBound: wasBound, by: line)
        }
        guard let bytes = system.kept(name, on: command.target) else {
            return model.violate("\(line): done, and the store of n\(command.target) has no such file")
        }
        let reading = system.variant(of: bytes, name).map { ChaosModel.Reading.content($0) } ?? .foreign
        model.read(name, reading, wasBound: wasBound, by: line)
    }
}

extension Ended {
    /// Status and first lines of output.
    var brief: String {
        let lines = errors.split(separator: "\n").prefix(3).joined(separator: " / ")
        return "status \(status)" + (lines.isEmpty ? "" : ": \(lines.prefix(400))")
    }
}
