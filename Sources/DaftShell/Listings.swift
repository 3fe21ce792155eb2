// ls: names, details, chunks, nodes. Prints page by page, so that memory does not grow with the listing.

import DaftCommand
import DaftEngine
import DaftModel
import DaftWire

extension Shell {
    func list(_ names: [Name], _ listing: Listing, human: Bool, _ session: Session) async -> Report {
        var (report, style) = (Report(), console.style)
        // As in `ls`, sizes are exact unless -h is given.
        style.exactSizes = !human
        for name in names.isEmpty ? [.root] : names {
            do throws(Failure) {
                try await session.list(name) { entries in
                    switch listing {
                    case .chunks, .chunksHere:
                        for entry in entries where entry.entry.content != nil {
                            await chunks(of: entry, onlyHere: listing == .chunksHere, style, session, &report)
                        }
                    default: await page(rows(entries, long: listing == .long, style))
                    }
                }
            } catch {
                report.failures.append(error)
            }
        }
        return report
    }

    func nodes(_ names: [Name], human: Bool, _ session: Session) async -> Report {
        if let name = names.first { return .failed(Failure(.usage, name, "ls -n lists nodes, and takes no NAME")) }
        return await showing { () async throws(Failure) in
            let nodes = try await session.status().nodes
            var style = console.style
            if human { style.exactSizes = false }
            await console.put(style.json ? nodes.map(jsonRow).joined() : table(of: nodes, style))
        }
    }

    private func rows(_ entries: [ListedEntry], long: Bool, _ style: OutputStyle) -> String {
        if style.json { return entries.map(jsonRow).joined() }
        if !long { return entries.map { Tinted("\($0.name)", .of($0.entry)).shown(style) + "\n" }.joined() }
        return aligned(entries.map { row($0, style) }, right: [1, 3], style)
    }

    private func chunks(
        of file: ListedEntry, onlyHere: Bool, _ style: OutputStyle, _ session: Session, _ report: inout Report
    ) async {
        if !style.json { await page(Tinted("\(file.name)", .of(file.entry)).shown(style) + "\n") }
        do throws(Failure) {
            try await session.chunks(of: file.name) { chunks in
                let wanted = chunks.filter { $0.isHere || !onlyHere }
                await page(
                    style.json
                        ? wanted.map { jsonRow($0, of: file.name) }.joined()
                        : aligned(wanted.map { row($0, style) }, right: [1, 2, 3], style))
            }
        } catch {
            report.failures.append(error)
        }
    }
}

private func row(_ listed: ListedEntry, _ style: OutputStyle) -> [Tinted] {
    let isFile = listed.entry.content != nil
    var target = ""
    if case .symlink(let bytes) = listed.entry.kind { target = " -> \(shown(bytes))" }
    let isLacking = isFile && listed.complete.isEmpty
    return [
        Tinted(shown(mode: listed.entry.mode, of: listed.entry.kind)), Tinted(isFile ? style.size(listed.size) : "-"),
        Tinted(shown(listed.entry.mtime)), Tinted(isFile ? "\(listed.chunks)" : "-"),
        Tinted(isFile ? shownHolders(of: listed) : "-", isLacking ? listed.partly.isEmpty ? .bad : .attention : nil),
        Tinted("\(listed.name)\(target)", .of(listed.entry)),
    ]
}

/// The holders of a file: `n0 n1`, `all 4 nodes`, `part: n2 n3`, `away: n4`.
func shownHolders(of listed: ListedEntry) -> String {
    var words: [String] = []
    if listed.isEverywhere, listed.complete.count > 1 {
        let isOnePerNode = Set(listed.complete.map { $0.prefix { $0 != ":" } }).count == listed.complete.count
        words = ["all \(listed.complete.count) \(isOnePerNode ? "nodes" : "data servers")"]
    } else if !listed.complete.isEmpty {
        words = [listed.complete.joined(separator: " ")]
    }
    if !listed.partly.isEmpty { words.append("part: " + listed.partly.joined(separator: " ")) }
    if words.isEmpty, !listed.away.isEmpty { words.append("away: " + listed.away.joined(separator: " ")) }
    return words.isEmpty ? "nowhere" : words.joined(separator: ", ")
}

private func row(_ chunk: ListedChunk, _ style: OutputStyle) -> [Tinted] {
    [
        Tinted(""), Tinted("\(chunk.index)"), Tinted(style.size(chunk.offset)), Tinted(style.size(Int64(chunk.length))),
        Tinted(String(chunk.id.hex.prefix(16))),
        chunk.holders.isEmpty ? Tinted("nowhere", .bad) : Tinted(chunk.holders.joined(separator: " ")),
    ]
}

/// An additional numeric column of the node table.
struct Column {
    let title: String
    let cell: (NodeStatus) -> String
}

func table(of nodes: [NodeStatus], _ style: OutputStyle, columns: [Column] = []) -> String {
    let isAnyAway = nodes.contains { $0.awayMilliseconds != nil }
    let title =
        ["rank", "node", "state"] + columns.map(\.title) + ["free", "total", "store"]
        + (isAnyAway ? ["away since"] : [])
    let numbers = columns.indices.map { 3 + $0 } + [0, 3 + columns.count, 4 + columns.count]
    return aligned([titles(title)] + nodes.map { row($0, style, columns) }, right: Set(numbers), style)
}

private func row(_ node: NodeStatus, _ style: OutputStyle, _ columns: [Column]) -> [Tinted] {
    [Tinted(node.rank.map { "\($0.number)" } ?? "-"), Tinted(node.store.host), state(of: node)]
        + columns.map { Tinted($0.cell(node)) }
        + [
            Tinted(node.space.map { style.size($0.free) } ?? "-"),
            Tinted(node.space.map { style.size($0.total) } ?? "-"),
            Tinted(shown(node.store.path)),
        ] + (node.awayMilliseconds.map { [Tinted(shown(moment(millisecondsAgo: $0)))] } ?? [])
}

/// Away: not in this run; silent: in this run, but does not answer.
func state(of node: NodeStatus) -> Tinted {
    if node.rank == nil { return Tinted("away", .attention) }
    return node.space == nil ? Tinted("silent", .bad) : Tinted("alive", .good)
}
