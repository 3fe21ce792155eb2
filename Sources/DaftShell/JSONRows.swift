// JSON rows of listings, each with its `type`. Documented in docs/json.md and its schema.

import DaftEngine
import DaftModel
import DaftWire

func jsonRow(_ listed: ListedEntry) -> String { jsonRow(listed, nil) }

/// For `stat`: a directory with its totals.
func jsonRow(_ listed: ListedEntry, _ below: DirectorySummary?) -> String {
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
            "below": below.map(value) ?? .nothing,
        ])
}

private func value(_ below: DirectorySummary) -> JSONValue {
    .object([
        "files": .number(below.files), "directories": .number(below.directories), "symlinks": .number(below.symlinks),
        "bytes": .number(below.bytes),
    ])
}

func jsonRow(_ chunk: ListedChunk, of name: Name) -> String {
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
            "state": .text(state(of: node).text), "free": node.space.map { .number($0.free) } ?? .nothing,
            "total": node.space.map { .number($0.total) } ?? .nothing, "store": .bytes(node.store.path),
            "since": node.awayMilliseconds.map { .text(universal(moment(millisecondsAgo: $0))) } ?? .nothing,
            "received": node.traffic.map { .number($0.received) } ?? .nothing,
            "sent": node.traffic.map { .number($0.sent) } ?? .nothing,
        ])
}

func jsonRow(_ leaf: Leaf) -> String {
    jsonLine(
        "entry",
        [
            "name": .name(leaf.named.name), "kind": .text(leaf.named.entry.word),
            "mode": .text(octal(leaf.named.entry.mode)), "mtime": .text(universal(leaf.named.entry.mtime)),
        ])
}

/// A file or symlink listed by a dry run.
func jsonRow(_ named: PreviewedEntry) -> String {
    jsonLine(
        "entry",
        [
            "name": .name(named.name), "kind": .text(named.size == nil ? "symlink" : "file"),
            "mode": .text(octal(named.mode)), "mtime": .text(universal(named.mtime)),
            "size": named.size.map { .number($0) } ?? .nothing,
        ])
}

func jsonRow(_ status: SystemStatus) -> String {
    jsonLine(
        "status",
        [
            "time": .text(universal(moment(millisecondsAgo: 0))), "state": .number(Int64(clamping: status.state)),
            "names": .number(Int64(status.entries)), "contents": .number(Int64(status.contents)),
            "bytes": .number(status.bytes),
        ]) + status.nodes.map(jsonRow).joined() + status.commands.map(jsonRow).joined()
}

private func jsonRow(_ command: RunningCommand) -> String {
    jsonLine(
        "command",
        [
            "node": .text(command.host), "command": .bytes(command.commandText),
            "since": .text(universal(moment(millisecondsAgo: command.milliseconds))),
            "milliseconds": .number(Int64(clamping: command.milliseconds)),
            "bytes": .number(command.progress.bytes), "totalBytes": .number(command.progress.totalBytes),
            "files": .number(command.progress.files), "totalFiles": .number(command.progress.totalFiles),
        ])
}
