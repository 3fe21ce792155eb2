// stat, tree and status: what there is, in full or at a glance.

import DaftCore
import DaftEngine
import Glibc

extension Shell {
    func stat(_ name: Name, _ session: Session) async -> Report {
        await showing { () async throws(Failure) in
            let (listed, content, names) = try await session.stat(name)
            await console.put(
                console.style.json
                    ? jsonRow(listed) : facts(of: listed, content, otherNames: names.filter { $0 != name }))
        }
    }

    func tree(_ name: Name, _ session: Session) async -> Report {
        await showing { () async throws(Failure) in
            try await session.tree(name) { leaves in
                await page(leaves.map { console.style.json ? jsonRow($0) : line($0) }.joined())
            }
        }
    }

    func status(_ session: Session) async -> Report {
        await showing { () async throws(Failure) in
            let status = try await session.status()
            await console.put(console.style.json ? jsonRow(status) : description(of: status))
        }
    }

    private func description(of status: SystemStatus) -> String {
        let alive = status.nodes.count { $0.space != nil }
        let facts = [
            ["state", "\(status.state)"], ["names", "\(status.entries)"],
            ["contents", "\(status.contents), \(shown(size: status.bytes))"],
            ["data servers", "\(alive) alive, \(status.nodes.count - alive) away"],
        ]
        return aligned(facts) + "\n" + table(of: status.nodes) + listing(of: status.commands)
    }
}

private func listing(of commands: [CommandUnderWay]) -> String {
    if commands.isEmpty { return "" }
    let rows = commands.map { command in
        [
            command.host, shown(begin(of: command)),
            command.progress == Progress() ? "-" : shown(command.progress, rate: nil), shown(command.wording),
        ]
    }
    return "\n" + aligned([["node", "since", "progress", "command"]] + rows)
}

private func begin(of command: CommandUnderWay) -> Time { moment(millisecondsAgo: command.milliseconds) }

/// By the clock of whoever looks.
func moment(millisecondsAgo milliseconds: UInt64) -> Time {
    Time(seconds: Int64(time(nil)) - Int64(clamping: milliseconds / 1000), nanoseconds: 0)
}

private func facts(of listed: Listed, _ content: ContentID?, otherNames: [Name]) -> String {
    let entry = listed.entry
    var facts = [
        ["kind", entry.word], ["mode", "\(octal(entry.mode)) \(shown(mode: entry.mode, of: entry.kind))"],
        ["mtime", shownExactly(entry.mtime)],
    ]
    if case .symlink(let target) = entry.kind { facts.append(["target", shown(target)]) }
    if let content {
        let bytes = listed.size < 1024 ? "" : " (\(shown(size: listed.size)))"
        facts += [
            ["size", counted(listed.size, "byte") + bytes], ["content", content.hex], ["chunks", "\(listed.chunks)"],
            ["kept by", place(of: listed)], ["wanted", wanted(listed.copies)],
        ]
    }
    facts += otherNames.map { ["also as", "\($0)"] }
    return "\(listed.name)\n" + aligned(facts.map { ["", $0[0], $0[1]] })
}

private func wanted(_ copies: Copies) -> String {
    switch copies {
    case .everywhere: "on every data server"
    case .atLeast(1): "1 copy"
    case .atLeast(let count): "\(count) copies"
    }
}

/// `│   ├── name`
private func line(_ leaf: Leaf) -> String {
    var text = leaf.isLast.dropLast().map { $0 ? "    " : "│   " }.joined()
    if let isLast = leaf.isLast.last { text += isLast ? "└── " : "├── " }
    text += leaf.isLast.isEmpty ? "\(leaf.named.name)" : shown(leaf.named.name.last)
    if case .symlink(let target) = leaf.named.entry.kind { text += " -> \(shown(target))" }
    return text + "\n"
}

private func jsonRow(_ leaf: Leaf) -> String {
    jsonLine(
        "entry",
        [
            "name": .name(leaf.named.name), "kind": .text(leaf.named.entry.word),
            "mode": .text(octal(leaf.named.entry.mode)), "mtime": .text(universal(leaf.named.entry.mtime)),
        ])
}

private func jsonRow(_ status: SystemStatus) -> String {
    jsonLine(
        "status",
        [
            "state": .number(Int64(clamping: status.state)), "names": .number(Int64(status.entries)),
            "contents": .number(Int64(status.contents)), "bytes": .number(status.bytes),
        ]) + status.nodes.map(jsonRow).joined() + status.commands.map(jsonRow).joined()
}

private func jsonRow(_ command: CommandUnderWay) -> String {
    jsonLine(
        "command",
        [
            "node": .text(command.host), "command": .bytes(command.wording),
            "since": .text(universal(begin(of: command))),
            "milliseconds": .number(Int64(clamping: command.milliseconds)),
            "bytes": .number(command.progress.bytes), "totalBytes": .number(command.progress.totalBytes),
            "files": .number(command.progress.files), "totalFiles": .number(command.progress.totalFiles),
        ])
}
