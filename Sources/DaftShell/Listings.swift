// ls: names, names with all about them, chunks, nodes. A page is printed before the next is asked for, so that a
// million names need no more memory than some hundred.

import DaftCore
import DaftEngine

extension Shell {
    func list(_ names: [Name], _ listing: Listing, _ session: Session) async -> Report {
        var report = Report()
        for name in names.isEmpty ? [.root] : names {
            do throws(Failure) {
                try await session.list(name) { entries in
                    switch listing {
                    case .chunks, .chunksHere:
                        for entry in entries where entry.entry.content != nil {
                            await chunks(of: entry, onlyHere: listing == .chunksHere, session, &report)
                        }
                    default: await page(rows(entries, long: listing == .long))
                    }
                }
            } catch {
                report.failures.append(error)
            }
        }
        return report
    }

    func nodes(_ names: [Name], _ session: Session) async -> Report {
        if let name = names.first { return .failed(Failure(.usage, name, "ls -n lists nodes, and takes no NAME")) }
        return await showing { () async throws(Failure) in
            let nodes = try await session.status().nodes
            await console.put(console.style.json ? nodes.map(jsonRow).joined() : table(of: nodes))
        }
    }

    func table(of nodes: [NodeStatus]) -> String {
        let isAnyAway = nodes.contains { $0.awayMilliseconds != nil }
        let title = ["rank", "node", "state", "free", "total", "store"] + (isAnyAway ? ["away since"] : [])
        return aligned([title] + nodes.map(row), right: [0, 3, 4])
    }

    private func rows(_ entries: [Listed], long: Bool) -> String {
        if console.style.json { return entries.map(jsonRow).joined() }
        if !long { return entries.map { "\($0.name)\n" }.joined() }
        return aligned(entries.map(row), right: [1, 3])
    }

    private func chunks(of file: Listed, onlyHere: Bool, _ session: Session, _ report: inout Report) async {
        if !console.style.json { await page("\(file.name)\n") }
        do throws(Failure) {
            try await session.chunks(of: file.name) { chunks in
                let wanted = chunks.filter { $0.isHere || !onlyHere }
                await page(
                    console.style.json
                        ? wanted.map { jsonRow($0, of: file.name) }.joined()
                        : aligned(wanted.map(row), right: [1, 2, 3]))
            }
        } catch {
            report.failures.append(error)
        }
    }
}

private func row(_ listed: Listed) -> [String] {
    let isFile = listed.entry.content != nil
    var name = "\(listed.name)"
    if case .symlink(let target) = listed.entry.kind { name += " -> \(shown(target))" }
    return [
        shown(mode: listed.entry.mode, of: listed.entry.kind), isFile ? "\(listed.size)" : "-",
        shown(listed.entry.mtime), isFile ? "\(listed.chunks)" : "-", isFile ? place(of: listed) : "-", name,
    ]
}

/// Who keeps a file: `n0 n1`, `all 4 nodes`, `part: n2 n3`, `away: n4`.
func place(of listed: Listed) -> String {
    var words: [String] = []
    if listed.isEverywhere, listed.complete.count > 1 {
        let isAloneEach = Set(listed.complete.map { $0.prefix { $0 != ":" } }).count == listed.complete.count
        words = ["all \(listed.complete.count) \(isAloneEach ? "nodes" : "data servers")"]
    } else if !listed.complete.isEmpty {
        words = [listed.complete.joined(separator: " ")]
    }
    if !listed.partly.isEmpty { words.append("part: " + listed.partly.joined(separator: " ")) }
    if words.isEmpty, !listed.away.isEmpty { words.append("away: " + listed.away.joined(separator: " ")) }
    return words.isEmpty ? "nowhere" : words.joined(separator: ", ")
}

private func row(_ chunk: ListedChunk) -> [String] {
    let holders = chunk.holders.isEmpty ? "nowhere" : chunk.holders.joined(separator: " ")
    return ["", "\(chunk.index)", "\(chunk.offset)", "\(chunk.length)", String(chunk.id.hex.prefix(16)), holders]
}

private func row(_ node: NodeStatus) -> [String] {
    [
        node.rank.map { "\($0.number)" } ?? "-", node.store.host, state(of: node),
        node.space.map { shown(size: $0.free) } ?? "-", node.space.map { shown(size: $0.total) } ?? "-",
        shown(node.store.path),
    ] + (node.awayMilliseconds.map { [shown(moment(millisecondsAgo: $0))] } ?? [])
}

/// Away: not in this run; silent: in it, and without an answer.
private func state(of node: NodeStatus) -> String {
    node.rank == nil ? "away" : node.space == nil ? "silent" : "alive"
}

func jsonRow(_ listed: Listed) -> String {
    var target = JSONValue.nothing
    if case .symlink(let bytes) = listed.entry.kind { target = .bytes(bytes) }
    let isFile = listed.entry.content != nil
    return jsonLine(
        "entry",
        [
            "name": .name(listed.name), "kind": .text(listed.entry.word), "mode": .text(octal(listed.entry.mode)),
            "mtime": .text(universal(listed.entry.mtime)), "size": isFile ? .number(listed.size) : .nothing,
            "chunks": isFile ? .number(Int64(listed.chunks)) : .nothing, "target": target,
            "content": listed.entry.content.map { .text($0.hex) } ?? .nothing,
            "complete": .texts(listed.complete), "partly": .texts(listed.partly), "away": .texts(listed.away),
        ])
}

private func jsonRow(_ chunk: ListedChunk, of name: Name) -> String {
    jsonLine(
        "chunk",
        [
            "name": .name(name), "index": .number(Int64(chunk.index)), "offset": .number(chunk.offset),
            "length": .number(Int64(chunk.length)), "id": .text(chunk.id.hex), "holders": .texts(chunk.holders),
        ])
}

func jsonRow(_ node: NodeStatus) -> String {
    jsonLine(
        "node",
        [
            "rank": node.rank.map { .number(Int64($0.number)) } ?? .nothing, "node": .text(node.store.host),
            "state": .text(state(of: node)), "free": node.space.map { .number($0.free) } ?? .nothing,
            "total": node.space.map { .number($0.total) } ?? .nothing, "store": .bytes(node.store.path),
            "since": node.awayMilliseconds.map { .text(universal(moment(millisecondsAgo: $0))) } ?? .nothing,
        ])
}
