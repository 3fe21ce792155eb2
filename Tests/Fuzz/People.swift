// Fuzz targets for user input: names, commands, job files, options, host files, node lists.

import DaftCommand
import DaftModel
import DaftPlan
import DaftWire

extension Target {
    static let names = Target(
        name: "names",
        seeds: {
            let long = "/" + String(repeating: "x", count: 256)
            return texts("/", "/set/a.bin", "set//a/", "/a/../b", "/.daft/x", "/a\0b", long)
                + forms(1, [Sample.file, Sample.directory, Sample.symlink]) + forms(2, [Sample.name("/d/f")])
        }
    ) { bytes in
        let choice = Choice(bytes, of: 3)
        choice.take(0) { bytes in
            let text = Memory.bounded(bytes.count) { shown(bytes) }
            require(text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f }, "a control is shown")
            if let name = try? resolvedName(bytes) { walk(name) }
        }
        choice.take(1, as: NamedEntry.self) { walk($0.name) }
        choice.take(2, as: Name.self, walk)
    }

    /// Parsed as a line of a prompt or job file, as a script line, and as program arguments.
    static let words = Target(
        name: "commands",
        seeds: {
            texts(
                "put a b --as /x @n3", "put 'a b' \"c\\x41\\\"\" d\\ e b\\@n3 b@n3@ dir@2/file", "diffuse --copies 3 a",
                "bcast -c a",
                "diffuse --copies 9223372036854775808 a", "diffuse --copies=-1 a", "bcast --shared /lustre/set",
                "fetch /set@n1:2", "get /set --to=/tmp", "gather out --to /x --merge --as /y", "sbcast -fp a b",
                "ls -lc /set", "ls -l -n", "stat /", "tree", "verify /a /b", "repair", "leave @n3", "help put",
                "!date; ls", "# a comment", "#DAFT put a", "#DAFT\tls", "#!/bin/sh", "quit", "'", "\"\\", "\\",
                "put -- -x", "putt", "--as", "'!' x")
        }
    ) { bytes in
        let line = Memory.bounded(bytes.count) { try? Command(line: bytes) }
        if case .directive(let directive) = ScriptLine(bytes) {
            require(directive.count == bytes.count, "a directive moves its columns")
            _ = try? Command(line: directive)
        }
        let arguments = bytes.split(separator: 0, omittingEmptySubsequences: false).map { Array($0) }
        let command = Memory.bounded(bytes.count) { try? Command(arguments: arguments) }
        // Escaped output must parse to the same command.
        guard case .put(let sources, nil, nil, nil, _) = command, line != command else { return }
        let typed = sources.map { "'" + shown($0).replacing("'", with: "'\\''") + "'" }.joined(separator: " ")
        _ = try? Command(line: "put \(typed)".utf8)
    }

    static let options = Target(
        name: "options",
        seeds: {
            texts(
                "--store\0/s\0--chunk-size=4M\0put\0a", "-C\0-qv\0ls\0-lc", "--compress=19\0--copies\0255\0put\0a",
                "--copies=-1\0ls", "--chunk-size\09223372036854775808", "--chunk-size=16M\0--\0ls",
                "--servers-per-node\02147483648", "--launch\0--hostfile\0h\0-f\0-", "-f\0x\0--json\0--durable",
                "--mds\0me@n1:22\0--port=65535", "--repair-after\04294967295s\0--orphan-timeout=49d",
                "--ssh\0ssh -p 22\0--no-encrypt", "--launch-timeout=4294967295", "--durable\0--no-durable")
                + texts("1.5G", "4.0 MiB", "9223372036854775807", "8388607.999999T", "24h").map { [3] + $0.dropFirst() }
        }
    ) { bytes in
        let choice = Choice(bytes, of: 4)
        for (kind, table) in [OptionTable.job, .common, .starting].enumerated() {
            choice.take(kind) { bytes in
                let words = bytes.split(separator: 0, omittingEmptySubsequences: false).map { Array($0) }
                let read = Memory.bounded(bytes.count, freeBytes: 1 << 20) {
                    try? Options(arguments: words, environment: { _ in nil }, table: table)
                }
                guard let read else { return }
                _ = (try? read.number("--servers-per-node"), try? Command(arguments: read.command))
                var order = Sample.order
                (try? StartOptions(read))?.apply(read, to: &order)
                require((try? NodeOrder(decoding: order.encoded)) == order, "an order does not come back")
            }
        }
        choice.take(3) { bytes in
            if let size = size(bytes) { require(size >= 0, "a size below nothing"); _ = shown(size: size) }
            if let seconds = seconds(bytes) { require(seconds > 0, "no time at all") }
        }
    }

    static let hostfiles = Target(
        name: "hostfiles", longestBytes: 1_024,
        seeds: {
            texts(
                "n1\nme@n2:22\n# x\n\n", "n[1-8]\nn[09-11,20]", "rack[1-2]n[1-4]", "[::1]:22\nme@[fe80::1%eth0]",
                "n[1-4096]", "n[0-2147483648]", "n[18446744073709551615]", "n[999999999-999999999]", "n[8-1]",
                "[1-64][1-64]", "[1-2][1-2][1-2][1-2][1-2][1-2][1-2][1-2][1-2][1-2][1-2][1-2][1-2]", "a@b@c", "-x",
                String(repeating: "x", count: 1_000) + "[1-4096]", "n1 slots=4", "é[1-2]", "[[1]]", "n[1-2,]")
        }
    ) { bytes in
        let bytes = Array(bytes.dropFirst())
        let file = Memory.bounded(bytes.count, freeBytes: 16 << 20) { try? HostFile(bytes, path: "hosts") }
        guard let file else { return }
        require((1...HostFile.mostHosts).contains(file.hosts.count), "\(file.hosts.count) hosts")
        for host in file.hosts.prefix(16) {
            require((try? DaftCommand.hosts(Array("\(host)".utf8))) == [host], "\(host) does not come back")
        }
        for host in file.hosts.prefix(16) { _ = decoded(Host.self, host.encoded) }
    }

    /// Patterns, each after a byte for its kind, with a path; and path lists.
    static let patterns = Target(
        name: "patterns", longestBytes: 512,
        seeds: {
            texts(
                "e*.o\0ia/b\0e/x/**\0e**/y/\0ea***\0\0a/b/x.o", "e[!a-c]?\0e[[:digit:]]\0e[]\\]x\0e\\*\0\0dx",
                "e[\0e[[:no:]]\0e/\0e\0\0d", "ea*a*a*a*a*a*a*a*b\0\0aaaaaaaaaaaaaaaaaaaaac")
                + ["a/b/c\n\n#x\n./d//e/\n/f", "a\n..", "/\n.", "a\0b"].map { [1] + Array($0.utf8) }
        }
    ) { bytes in
        let choice = Choice(bytes, of: 2)
        choice.take(0) { bytes in
            let parts = bytes.split(separator: 0, omittingEmptySubsequences: false).map { Array($0) }
            guard let path = parts.last, !path.isEmpty else { return }
            let rules = Memory.bounded(bytes.count) {
                PathRules(
                    parts.dropLast().map {
                        PathRules.Rule(Array($0.dropFirst()), includes: $0.first == UInt8(ascii: "i"))
                    })
            }
            let takes = Memory.bounded(bytes.count) { rules.takes(path, isDirectory: true) }
            // A pattern for directories only does not match a file.
            let isForAll = rules.rules.allSatisfy { rule in
                rule.pattern.suffix(3) != Array("***".utf8)
                    && (rule.pattern.count < 2 || rule.pattern.last != UInt8(ascii: "/"))
            }
            if isForAll {
                require(takes == rules.takes(path, isDirectory: false), "a file is taken otherwise than a directory")
            }
        }
        choice.take(1) { bytes in
            guard let list = Memory.bounded(bytes.count, { try? PathList(bytes, byZeros: false) }) else { return }
            var selection = SourceSelection()
            selection.list = list
            for path in list.named {
                require(selection.takes(path, isDirectory: false), "what is listed is not taken")
                for cut in path.indices where path[cut] == UInt8(ascii: "/") {
                    require(selection.takes(Array(path[..<cut]), isDirectory: true), "a directory above is not entered")
                }
            }
            require(selection.missing(after: list.named).isEmpty, "what was found is missing")
        }
    }

    static let nodelists = Target(
        name: "nodelists", longestBytes: 512,
        seeds: {
            texts(
                "n[1-3,07-09],m4", "n1,n2,n1", "n[1-4096],m", "n[[1],2]", "],[", "n1\nn1\nn2 slots=4\n# x",
                "n[0-9223372036854775808]", "", ",", "rack[1-2]n[1-4],x")
        }
    ) { bytes in
        let choice = Choice(bytes, of: 2)
        choice.take(0) { bytes in
            check(Memory.bounded(bytes.count, freeBytes: 16 << 20) { try? JobNodes(list: bytes, variable: "NODES") })
        }
        choice.take(1) { bytes in
            check(Memory.bounded(bytes.count, freeBytes: 16 << 20) { try? JobNodes(file: bytes, path: "nodes") })
        }
    }
}

private func check(_ nodes: JobNodes?) {
    guard let nodes else { return }
    require((1...HostFile.mostHosts).contains(nodes.names.count), "\(nodes.names.count) nodes")
    require(Set(nodes.names).count == nodes.names.count, "a node twice")
    let last = nodes.names[nodes.names.count - 1]
    require(nodes.beginning(with: last).names.count == nodes.names.count, "another number of nodes")
}

private func walk(_ name: Name) {
    require((try? Name(name.bytes)) == name, "a name that is none")
    require(name.relative(to: .root) != nil && (name.isRoot || name.isBelow(.root)), "a name beside the root")
    require(name.ancestors.count == max(0, name.parts.count - 1), "ancestors of \(name)")
    guard let parent = name.parent else { return }
    require((try? parent.appending(name.last)) == name, "\(name) is not below its parent")
    require(name.isBelow(parent) && name.relative(to: parent).map(Array.init) == Array(name.last), "its way from there")
}

/// Each after a zero, which selects the first parser.
private func texts(_ texts: String...) -> [[UInt8]] { texts.map { [0] + Array($0.utf8) } }
