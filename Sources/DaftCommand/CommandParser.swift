// Parses words into commands by the command table. Lines of a prompt or job file and program arguments are parsed
// alike.
//
// `@HOST` ends the last word or is a word of its own: `put a b@n3`, `put a b @n3`. For a file with such a name, quote
// or escape the `@`: `'b@n3'` or `b\@n3`. If a shell has removed the quotes, append another `@`: `b@n3@` is the file
// `b@n3`. `dir@2/file` is a file, since a host name has no slash.

import DaftModel
import DaftPlan

extension Command {
    /// Relative names are below `base`.
    public init(line: some Sequence<UInt8>, in base: Name = .root) throws(CommandError) {
        let line = Array(line)
        if let start = line.firstIndex(where: { !isBlank($0) }), line[start] == UInt8(ascii: "!") {
            self = try Command.shell(line: line[(start + 1)...])
        } else {
            self = try Command(words: words(of: line), base)
        }
    }

    public init(arguments: [[UInt8]], in base: Name = .root) throws(CommandError) {
        if let first = arguments.first, first.first == UInt8(ascii: "!") {
            self = try Command.shell(line: Array(arguments.joined(separator: " ".utf8))[1...])
        } else {
            self = try Command(words: arguments.map(Token.init(argument:)), base)
        }
    }

    private static func shell(line: some Collection<UInt8>) throws(CommandError) -> Command {
        let command = Array(line.drop(while: isBlank))
        guard !command.isEmpty else { throw CommandError("nothing follows the !", synopsis: Verb.shell.shape.synopsis) }
        return .shell(command)
    }

    private init(words: [Token], _ base: Name) throws(CommandError) {
        guard let first = words.first else {
            self = .nothing
            return
        }
        self = try Command(Operation(try Verb(typed: first), Array(words.dropFirst()), base))
    }

    private init(_ given: Operation) throws(CommandError) {
        switch given.verb {
        case .put:
            self = .put(
                sources: given.sources, host: given.host, as: try given.publishedAs(), copies: try given.copies(),
                with: try given.staging())
        case .diffuse:
            self = .diffuse(
                sources: given.sources, as: try given.publishedAs(), copies: try given.copies(),
                with: try given.staging())
        case .bcast:
            self = .bcast(
                given.sources, as: try given.publishedAs(), shared: given.options["--shared"] != nil,
                with: try given.staging())
        case .fetch: self = .fetch(try given.names(), host: given.host, limit: try given.limit())
        case .get:
            self = .get(try given.names(), to: given.options["--to"]?.value, limit: try given.limit())
        case .gather:
            self = .gather(
                given.sources, to: given.options["--to"]?.value ?? [],
                as: try given.options["--as"].map { typed throws(CommandError) in
                    try given.name(typed.value, column: typed.column)
                }, merged: given.options["--merge"] != nil, limit: try given.limit())
        case .sbcast:
            self = .sbcast(
                given.sources[0], to: given.sources[1], forced: given.options["--force"] != nil,
                preserving: given.options["--preserve"] != nil, limit: try given.limit())
        case .cat: self = .cat(try given.names()[0])
        case .ls: self = .ls(try given.names(orBase: true), try given.listing(), human: given.options["-h"] != nil)
        case .stat: self = .stat(try given.names()[0])
        case .tree: self = .tree(try given.names(orBase: true).first ?? .root)
        case .verify: self = .verify(try given.names())
        case .repair: self = .repair
        case .leave: self = .leave(host: try given.hostOperand())
        case .status: self = .status(everySeconds: try given.interval())
        case .wait: self = .wait(seconds: try given.options["--timeout"]?.seconds() ?? 60)
        case .help: self = .help(try given.operands.first.map { word throws(CommandError) in try Verb(typed: word) })
        case .cd: self = .cd(try given.destination())
        case .pwd: self = .pwd
        case .exit: self = .exit
        case .quit: self = .quit
        case .shell, .comment: throw CommandError("`\(given.verb.rawValue)` counts only unquoted, where a line begins")
        }
    }
}

extension Verb {
    fileprivate init(typed word: Token) throws(CommandError) {
        guard let verb = Verb(rawValue: word.text) ?? Verb.synonyms[word.text] else {
            if let advice = Verb.advice[word.text] { throw CommandError(advice, column: word.column) }
            throw CommandError(unknown: "command", word, among: Verb.allCases.map(\.rawValue))
        }
        self = verb
    }

    private static let synonyms: [String: Verb] = ["bye": .exit]

    /// Advice for words that are no commands here but exist elsewhere.
    private static let advice = [
        "start": ofDaftAlone, "join": ofDaftAlone,
        "serve": "`serve` is a word of the program daft-run alone, and stands by itself: `daft-run --launch serve`",
        "rm": notRemoved, "delete": notRemoved, "remove": notRemoved, "mv": notRemoved,
    ]

    private static let ofDaftAlone = "`start` and `join` are words of the program daft alone: `daft start --help`"

    private static let notRemoved =
        "names are neither removed nor changed; a store that nothing runs on can be removed as a whole, with its .mds"
}

/// A command's words, split into options, operands and host.
private struct Operation {
    let verb: Verb
    var operands: [Token] = []
    var options: [String: OptionValue] = [:]
    /// In order, including repetitions.
    var allGiven: [OptionValue] = []
    var host: String?
    private let base: Name

    init(_ verb: Verb, _ words: [Token], _ base: Name) throws(CommandError) {
        self.verb = verb
        self.base = base
        let table = OptionTable(verb.shape.options)
        var index = 0
        while index < words.count, !words[index].endsOptions {
            let given = try table.read(words, at: &index)
            for one in given { options[one.option.name] = one }
            allGiven += given
            if given.isEmpty {
                try take(words[index], table)
                index += 1
            }
        }
        operands += words.dropFirst(index + 1)
        if verb.shape.takesHost { splitHost() }
        try checkOperands()
    }

    private mutating func take(_ word: Token, _ table: OptionTable) throws(CommandError) {
        guard !word.isDashed else {
            let known = table.options.flatMap(\.names)
            throw CommandError(unknown: "option", word, among: known, synopsis: verb.shape.synopsis)
        }
        operands.append(word)
    }

    private mutating func splitHost() {
        guard let word = operands.last, let at = word.at else { return }
        let suffix = word.bytes[(at + 1)...]
        guard suffix.allSatisfy(isOfHostName) else { return }
        host = suffix.isEmpty ? nil : String(decoding: suffix, as: UTF8.self)
        operands.removeLast()
        if at > 0 { operands.append(Token(Array(word.bytes[..<at]), column: word.column, at: nil)) }
    }

    private func checkOperands() throws(CommandError) {
        if let empty = operands.first(where: { $0.bytes.isEmpty }) {
            throw CommandError("an empty word", column: empty.column, synopsis: verb.shape.synopsis)
        }
        if let lacking = verb.shape.options.first(where: { $0.isRequired && options[$0.name] == nil }) {
            throw CommandError("\(verb.rawValue) needs \(lacking.spelling)", synopsis: verb.shape.synopsis)
        }
        let wanted = verb.shape.operands
        if operands.count < wanted.least {
            throw CommandError("\(verb.rawValue) needs a \(wanted.placeholder)", synopsis: verb.shape.synopsis)
        }
        if operands.count > wanted.most {
            let excess = operands[wanted.most]
            throw CommandError(
                "`\(shown(excess.bytes))` is one too many", column: excess.column, synopsis: verb.shape.synopsis)
        }
    }

    var sources: [[UInt8]] { operands.map(\.bytes) }

    /// Without operands, the base if `orBase`; empty for the root.
    func names(orBase: Bool = false) throws(CommandError) -> [Name] {
        var names: [Name] = orBase && operands.isEmpty && !base.isRoot ? [base] : []
        for word in operands { names.append(try name(word.bytes, column: word.column)) }
        return names
    }

    func publishedAs() throws(CommandError) -> Name? {
        guard let given = options["--as"] else { return nil }
        guard operands.count == 1 else { throw given.wrong("one name is for one source") }
        return try name(given.value, column: given.column)
    }

    func copies() throws(CommandError) -> Copies? { try options["--copies"]?.copies() }

    func limit() throws(CommandError) -> ByteRate? { try options["--bwlimit"]?.limit() }

    /// A node given as an operand, optionally with a leading `@`.
    func hostOperand() throws(CommandError) -> String {
        let word = operands[0]
        let bytes = word.bytes.first == UInt8(ascii: "@") ? word.bytes.dropFirst() : word.bytes[...]
        guard !bytes.isEmpty, bytes.allSatisfy(isOfHostName) else {
            throw CommandError("`\(shown(word.bytes))` is no name of a node", column: word.column)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    func name(_ bytes: [UInt8], column: Int?) throws(CommandError) -> Name {
        do throws(NameError) {
            return try resolvedName(bytes, in: base)
        } catch {
            throw CommandError("`\(shown(bytes))`: \(error.reason)", column: column)
        }
    }

    /// The target of `cd`, where `..` is the parent.
    func destination() throws(CommandError) -> Name {
        guard let word = operands.first else { return .root }
        var name: Name = word.bytes.first == Name.slash ? .root : base
        for part in word.bytes.split(separator: Name.slash) where !part.elementsEqual(".".utf8) {
            if part.elementsEqual("..".utf8) {
                name = name.parent ?? .root
            } else {
                do throws(NameError) { name = try name.appending(part) } catch {
                    throw CommandError("`\(shown(word.bytes))`: \(error.reason)", column: word.column)
                }
            }
        }
        return name
    }

    func listing() throws(CommandError) -> Listing {
        let (long, nodes, chunks) = (options["-l"] != nil, options["-n"] != nil, options["-c"] != nil)
        if let given = options["-n"], long || chunks { throw given.wrong("goes with no other option of ls") }
        return nodes ? .nodes : chunks ? (long ? .chunksHere : .chunks) : long ? .long : .names
    }
}

extension Operation {
    /// The options of put, diffuse and bcast.
    fileprivate func staging() throws(CommandError) -> StagingOptions {
        if let given = options["--files-from"], operands.count > 1 { throw given.wrong("one list is for one source") }
        if let given = options["--from0"], options["--files-from"] == nil {
            throw given.wrong("goes with --files-from")
        }
        if let input = operands.first(where: { $0.bytes.elementsEqual("-".utf8) }) {
            guard options["--as"] != nil else {
                throw CommandError("standard input has no name of its own: --as NAME", column: input.column)
            }
        }
        return try StagingOptions(allGiven)
    }

    /// The value of `--watch`, which may be omitted.
    fileprivate func interval() throws(CommandError) -> UInt32? {
        guard let given = options["--watch"] else { return nil }
        return given.value.isEmpty ? 2 : try given.seconds()
    }
}

private func isOfHostName(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"): true
    case UInt8(ascii: ":"): true
    default: false
    }
}
