// stat: one entry in detail. tree: the hierarchy of names.

import DaftCommand
import DaftEngine
import DaftModel
import Glibc

extension Shell {
    func stat(_ name: Name, _ session: Session) async -> Report {
        await showing { () async throws(Failure) in
            let (listed, names, below) = try await session.stat(name)
            await console.put(
                console.style.json
                    ? jsonRow(listed, below) : facts(of: listed, below, otherNames: names.filter { $0 != name }))
        }
    }

    func tree(_ name: Name, _ session: Session) async -> Report {
        await showing { () async throws(Failure) in
            try await session.tree(name) { leaves in
                await page(leaves.map { console.style.json ? jsonRow($0) : line($0, console.style) }.joined())
            }
        }
    }
}

private func facts(of listed: ListedEntry, _ below: DirectorySummary?, otherNames: [Name]) -> String {
    let entry = listed.entry
    var facts = [
        ["kind", entry.word], ["mode", "\(octal(entry.mode)) \(shown(mode: entry.mode, of: entry.kind))"],
        ["mtime", shownExactly(entry.mtime)],
    ]
    if case .symlink(let target) = entry.kind { facts.append(["target", shown(target)]) }
    if let below {
        let whole = [
            counted(below.files, "file"), "\(below.directories) director\(below.directories == 1 ? "y" : "ies")",
            counted(below.symlinks, "symlink"),
        ]
        facts += [["below", whole.joined(separator: ", ")], ["size", exact(below.bytes)]]
    }
    if let content = entry.content {
        facts += [
            ["size", exact(listed.size)], ["content", content.hex], ["chunks", "\(listed.chunks)"],
            ["kept by", shownHolders(of: listed)], ["wanted", wanted(listed.copies)],
        ]
    }
    facts += otherNames.map { ["also as", "\($0)"] }
    return "\(listed.name)\n" + aligned(facts.map { ["", $0[0], $0[1]] })
}

/// `9437184 bytes (9.0 MiB)`
private func exact(_ bytes: Int64) -> String {
    counted(bytes, "byte") + (bytes < 1024 ? "" : " (\(shown(size: bytes)))")
}

private func wanted(_ copies: Copies) -> String {
    switch copies {
    case .everywhere: "on every data server"
    case .atLeast(1): "1 copy"
    case .atLeast(let count): "\(count) copies"
    }
}

/// `│   ├── name`
private func line(_ leaf: Leaf, _ style: OutputStyle) -> String {
    var text = leaf.isLast.dropLast().map { $0 ? "    " : "│   " }.joined()
    if let isLast = leaf.isLast.last { text += isLast ? "└── " : "├── " }
    let name = leaf.isLast.isEmpty ? "\(leaf.named.name)" : shown(leaf.named.name.last)
    text += Tinted(name, .of(leaf.named.entry)).shown(style)
    if case .symlink(let target) = leaf.named.entry.kind { text += " -> \(shown(target))" }
    return text + "\n"
}
