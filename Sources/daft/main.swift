// daft: the client of a system on this node, whose data server performs its commands. It also starts workstation
// systems, and is the program of their nodes.

import DaftCommand
import DaftLaunch
import DaftModel
import DaftShell
import Glibc

/// Whether the words are `start …` or `join …`, wherever options are.
private func isStart(_ words: [String]) -> Bool {
    let own: Set = ["start", "join"]
    if let first = words.first, own.contains(first) { return true }
    // Their errors are reported where they are used.
    let options = try? Options(arguments: words.map { Array($0.utf8) }, environment: { _ in nil }, table: .starting)
    return options?.command.first.map { own.contains(String(decoding: $0, as: UTF8.self)) } ?? false
}

private func start(_ invocation: Invocation) async -> Int32 {
    guard case .own(let words) = invocation.work else { return await invocation.run(DoorPerformer(invocation)) }
    do throws(Failure) {
        return try await Start(invocation).run(words)
    } catch {
        await invocation.console.fail(error)
        return error.exitStatus
    }
}

let words = Array(CommandLine.arguments.dropFirst())
if words.first == "node" {
    exit(beginNode(detached: words.dropFirst().first == "--detached", runNode))
} else if isStart(words) {
    exit(startProgram.main { await start($0) })
} else {
    exit(clientProgram.main { await $0.run(DoorPerformer($0)) })
}
