// Tables of options, of programs and commands, and the parser for them.

import DaftModel

public struct Option: Hashable, Sendable {
    /// All spellings, the best known last: `["-v", "--verbose"]`.
    public let names: [String]
    /// Placeholder of its value, `DIR`; nil for a switch.
    public let value: String?
    /// The value is optional, and then given only after `=`.
    public let isValueOptional: Bool
    /// The environment variable used if the option is not given.
    public let variable: String?
    /// Only for the launching process, not passed on to ranks.
    public let isForLaunch: Bool
    /// Required by its command.
    public let isRequired: Bool
    /// Common to several commands and left out of their synopses.
    public let isShared: Bool
    public let meaning: String

    public init(
        _ names: String..., value: String? = nil, isValueOptional: Bool = false, variable: String? = nil,
        isForLaunch: Bool = false, isRequired: Bool = false, isShared: Bool = false, meaning: String
    ) {
        precondition(!names.isEmpty)
        self.names = names
        self.value = value
        self.isValueOptional = isValueOptional
        self.variable = variable
        self.isForLaunch = isForLaunch
        self.isRequired = isRequired
        self.isShared = isShared
        self.meaning = meaning
    }

    /// The spelling by which the program looks it up.
    public var name: String { names[names.count - 1] }

    /// `-f JOBFILE`, `-v, --verbose`.
    public var spelling: String {
        let words = names.joined(separator: ", ")
        guard let value else { return words }
        return isValueOptional ? "\(words)[=\(value)]" : "\(words) \(value)"
    }
}

/// An option as given.
struct OptionValue: Hashable, Sendable {
    let option: Option
    /// Empty for a switch.
    let value: [UInt8]
    /// Where it was given: `--chunk-size`, or `DAFT_CHUNK_SIZE`.
    let origin: String
    var column: Int?

    func wrong(_ reason: String) -> CommandError { CommandError("\(origin): \(reason)", column: column) }

    /// The value as a time.
    func seconds() throws(CommandError) -> UInt32 {
        guard let seconds = DaftModel.seconds(value) else {
            throw wrong("`\(shown(value))` is no time, as 10s, 5m, 24h")
        }
        return seconds
    }

    /// The value as a rate limit.
    func limit() throws(CommandError) -> ByteRate? {
        guard let limit = ByteLimit(value) else {
            throw wrong(
                "`\(shown(value))` is no rate, as 500 or 500K (KiB a second), 1.5M, 2G, 10MB (of 1000); 0 is no limit, "
                    + "and nothing is slower than 1K")
        }
        return limit.rate
    }

    func copies() throws(CommandError) -> Copies {
        guard let number = Int(String(decoding: value, as: UTF8.self)), (1...Copies.most).contains(number) else {
            throw wrong("`\(shown(value))` is no number from 1 to \(Copies.most)")
        }
        return .atLeast(number)
    }
}

public struct OptionTable: Sendable {
    public var options: [Option]

    public init(_ options: [Option]) { self.options = options }

    public static func + (table: OptionTable, more: [Option]) -> OptionTable { OptionTable(table.options + more) }

    public subscript(name: String) -> Option? { options.first { $0.names.contains(name) } }

    /// Parses the options of the word at `index` and advances past it and its value. Returns none, without advancing,
    /// if the word is no option of this table.
    func read(_ words: [Token], at index: inout Int) throws(CommandError) -> [OptionValue] {
        let word = words[index]
        guard word.isDashed else { return [] }
        let text = word.text
        if let option = self[text] {
            let value = try value(of: option, as: text, in: words, at: &index)
            return [OptionValue(option: option, value: value, origin: text, column: word.column)]
        }
        return text.hasPrefix("--")
            ? try readAssigned(word, at: &index) : try readLetters(word, of: words, at: &index)
    }

    /// `--store=DIR`.
    private func readAssigned(_ word: Token, at index: inout Int) throws(CommandError) -> [OptionValue] {
        guard let equals = word.bytes.firstIndex(of: UInt8(ascii: "=")) else { return [] }
        let name = String(decoding: word.bytes[..<equals], as: UTF8.self)
        guard let option = self[name] else { return [] }
        guard option.value != nil else { throw CommandError("\(name) takes no value", column: word.column) }
        index += 1
        let value = Array(word.bytes[(equals + 1)...])
        return [try checked(OptionValue(option: option, value: value, origin: name, column: word.column))]
    }

    /// `-lc`, `-qf JOBFILE`: combined letters, of which the last may take a value.
    private func readLetters(_ word: Token, of words: [Token], at index: inout Int) throws(CommandError)
        -> [OptionValue]
    {
        // Scalars, since a combining accent would merge with the dash into one character.
        let names = word.text.unicodeScalars.dropFirst().map { "-\($0)" }
        let options = names.compactMap { self[$0] }
        guard options.count == names.count, options.dropLast().allSatisfy({ $0.value == nil }) else { return [] }
        var given = zip(options, names).dropLast().map {
            OptionValue(option: $0, value: [], origin: $1, column: word.column)
        }
        let last = options.count - 1
        let value = try value(of: options[last], as: names[last], in: words, at: &index)
        given.append(OptionValue(option: options[last], value: value, origin: names[last], column: word.column))
        return given
    }

    private func value(
        of option: Option, as name: String, in words: [Token], at index: inout Int
    ) throws(CommandError) -> [UInt8] {
        let column = words[index].column
        index += 1
        guard option.value != nil, !option.isValueOptional else { return [] }
        let value = index < words.count ? words[index].bytes : []
        index += 1
        return try checked(OptionValue(option: option, value: value, origin: name, column: column)).value
    }

    private func checked(_ given: OptionValue) throws(CommandError) -> OptionValue {
        if let value = given.option.value, given.value.isEmpty {
            throw CommandError("\(given.origin) needs a value: \(given.origin) \(value)", column: given.column)
        }
        return given
    }
}
