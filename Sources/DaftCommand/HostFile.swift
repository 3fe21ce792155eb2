// Parses host files: one host per line, `#` starts a comment, blank lines are ignored. Ranges as in Slurm, pdsh and
// clush: `n[1-8]`, `n[01-16,20]`, `rack[1-2]n[1-4]`.

import DaftModel

public struct HostFile: Sendable {
    /// More hosts are assumed to be a typing error.
    public static let mostHosts = 4096

    public private(set) var hosts: [Host] = []
    /// The line of each host, in lower case.
    private var lines: [Host: Int] = [:]

    /// `path` is for messages.
    public init(_ bytes: some Collection<UInt8>, path: String) throws(Failure) {
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            do throws(CommandError) {
                try add(line, number: index + 1)
            } catch {
                let column = error.column.map { ":\($0)" } ?? ""
                throw Failure(.usage, "\(path):\(index + 1)\(column)".utf8, error.reason)
            }
        }
        if hosts.isEmpty { throw Failure(.usage, path.utf8, "there is no host in it") }
    }

    private mutating func add(_ line: some Collection<UInt8>, number: Int) throws(CommandError) {
        let text = Array(line.prefix { $0 != UInt8(ascii: "#") })
        guard let start = text.firstIndex(where: { !isSpace($0) }) else { return }
        let end = text[start...].firstIndex(where: isSpace) ?? text.count
        if let next = text[end...].firstIndex(where: { !isSpace($0) }) {
            let extra = text[next...].prefix { !isSpace($0) }
            throw CommandError("one host a line: `\(shown(extra))` is one too many", column: column(next, of: text))
        }
        let found: [Host]
        do throws(CommandError) {
            found = try DaftCommand.hosts(text[start..<end])
        } catch {
            throw CommandError(error.reason, column: column(start, of: text) + (error.column ?? 1) - 1)
        }
        for host in found { try add(host, line: number, column: column(start, of: text)) }
    }

    private mutating func add(_ host: Host, line: Int, column: Int) throws(CommandError) {
        if let earlier = lines[host.inSmallLetters] {
            throw CommandError("\(host) stands in line \(earlier) already", column: column)
        }
        guard hosts.count < HostFile.mostHosts else {
            throw CommandError("more than \(HostFile.mostHosts) hosts", column: column)
        }
        hosts.append(host)
        lines[host.inSmallLetters] = line
    }
}

/// The hosts of a word, with ranges expanded.
public func hosts(_ word: some Collection<UInt8>) throws(CommandError) -> [Host] {
    guard let text = String(validating: word, as: UTF8.self) else {
        throw CommandError("this is no UTF-8 text", column: 1)
    }
    let at = text.lastIndex(of: "@")
    let user = at.map { String(text[..<$0]) } ?? ""
    let rest = at.map { text[text.index(after: $0)...] } ?? text[...]
    let restColumn = text.count - rest.count + 1
    if at != nil, user.isEmpty { throw CommandError("no user before the @", column: 1) }
    if let wrong = Host.wrong(user: user) { throw CommandError(wrong, column: 1) }
    let (name, portText) = try split(rest, column: restColumn)
    let port = try portText.map { text throws(CommandError) in
        try sshPort(text, column: restColumn + name.typed.count + 1)
    }
    var hosts: [Host] = []
    for name in name.isAddress ? [String(name.bare)] : try expanded(name.bare, column: restColumn) {
        if let wrong = Host.wrong(name: name) { throw CommandError(wrong, column: restColumn) }
        if let host = Host(user: user, name: name, port: port ?? 0) { hosts.append(host) }
    }
    return hosts
}

private struct TypedName {
    let typed: Substring
    let bare: Substring
    let isAddress: Bool
}

/// Splits `host:port` and `[::1]:port`.
private func split(_ text: Substring, column: Int) throws(CommandError) -> (TypedName, port: Substring?) {
    let bracketed = text.hasPrefix("[") ? text.firstIndex(of: "]").map { text[...$0] } : nil
    if let bracketed, bracketed.contains(":") {
        let rest = text[bracketed.endIndex...]
        guard rest.isEmpty || rest.hasPrefix(":") else {
            throw CommandError("after an address follows `:PORT` or nothing", column: column + bracketed.count)
        }
        let name = TypedName(typed: bracketed, bare: bracketed.dropFirst().dropLast(), isAddress: true)
        return (name, rest.isEmpty ? nil : rest.dropFirst())
    }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count <= 2 else {
        throw CommandError("an IPv6 address stands in brackets: [\(shown(text.utf8))]", column: column)
    }
    return (TypedName(typed: parts[0], bare: parts[0], isAddress: false), parts.count == 2 ? parts[1] : nil)
}

private func sshPort(_ text: Substring, column: Int) throws(CommandError) -> UInt16 {
    guard text.utf8.allSatisfy({ $0.isDigit }), let port = UInt16(text), port > 0 else {
        throw CommandError("`\(shown(text.utf8))` is no port from 1 to 65535", column: column)
    }
    return port
}

/// All names of `rack[1-2]n[01-16,20]`.
private func expanded(_ text: Substring, column: Int) throws(CommandError) -> [String] {
    var names = [""]
    var rest = text
    func here() -> Int { column + text.count - rest.count }
    while let open = rest.firstIndex(where: { $0 == "[" || $0 == "]" }) {
        let plain = rest[..<open]
        // Check the length before a range multiplies it.
        guard names[0].utf8.count + plain.utf8.count <= Host.longestName else {
            throw CommandError(Host.tooLong, column: column)
        }
        rest = rest[open...]
        guard rest.first == "[", let close = rest.dropFirst().firstIndex(where: { $0 == "[" || $0 == "]" }),
            rest[close] == "]"
        else { throw CommandError("this bracket has no other", column: here()) }
        var numbers: [String] = []
        for part in rest[..<close].dropFirst().split(separator: ",", omittingEmptySubsequences: false) {
            numbers += try range(part, column: here())
            guard numbers.count * names.count <= HostFile.mostHosts else {
                throw CommandError("more than \(HostFile.mostHosts) hosts in one word", column: here())
            }
        }
        names = names.flatMap { name in numbers.map { name + plain + $0 } }
        rest = rest[rest.index(after: close)...]
    }
    guard names[0].utf8.count + rest.utf8.count <= Host.longestName else {
        throw CommandError(Host.tooLong, column: column)
    }
    return names.map { $0 + rest }
}

/// `7`, `1-8`, `01-16`: leading zeros of the first are kept.
private func range(_ text: Substring, column: Int) throws(CommandError) -> [String] {
    let ends = text.split(separator: "-", omittingEmptySubsequences: false)
    let numbers = ends.compactMap { end in
        end.utf8.count <= 9 && end.utf8.allSatisfy { $0.isDigit } ? Int(end) : nil
    }
    guard let first = numbers.first, let last = numbers.last, numbers.count == ends.count, ends.count <= 2 else {
        throw CommandError("`\(shown(text.utf8))` is no number and no range, as 1-8", column: column)
    }
    guard first <= last else { throw CommandError("\(shown(text.utf8)) runs backwards", column: column) }
    guard last - first < HostFile.mostHosts else {
        throw CommandError("more than \(HostFile.mostHosts) hosts in one word", column: column)
    }
    return (first...last).map { number in
        String(repeating: "0", count: max(0, ends[0].count - "\(number)".count)) + "\(number)"
    }
}

private func column(_ index: Int, of text: [UInt8]) -> Int {
    text[..<index].count { $0 & 0b1100_0000 != 0b1000_0000 } + 1
}

private func isSpace(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
}

extension UInt8 {
    fileprivate var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
}
