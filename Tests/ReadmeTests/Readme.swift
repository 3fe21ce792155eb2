// Parses the README: commands with their shown output, and words set as code.

import Foundation

/// A command (a line that begins with `$ `) with the output lines up to the next one.
struct Step: CustomStringConvertible {
    /// Line number from 1.
    let line: Int
    let command: String
    var shown: [String] = []

    var description: String { "README.md:\(line): \(command)" }
}

/// A block between lines of three backticks.
struct Block {
    let line: Int
    /// The heading above it.
    let heading: String
    var lines: [String] = []
    var steps: [Step] = []
}

enum Readme {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    static func file(_ path: String) -> String {
        (try? String(contentsOfFile: "\(root)/\(path)", encoding: .utf8)) ?? ""
    }

    static let lines = file("README.md").components(separatedBy: "\n")

    static let blocks: [Block] = {
        var (blocks, heading, isInside): ([Block], String, Bool) = ([], "", false)
        for (index, line) in lines.enumerated() {
            if line.hasPrefix("```") {
                isInside.toggle()
                if isInside { blocks.append(Block(line: index + 1, heading: heading)) }
            } else if !isInside {
                if line.hasPrefix("#") { heading = String(line.drop { $0 == "#" || $0 == " " }) }
            } else {
                blocks[blocks.count - 1].take(line, at: index + 1)
            }
        }
        return blocks
    }()

    static func steps(under heading: String) -> [Step] { blocks.filter { $0.heading == heading }.flatMap(\.steps) }

    /// The lines below a heading.
    static func section(_ heading: String) -> [String] {
        let after = lines.drop { $0 != "## " + heading }.dropFirst()
        return Array(after.prefix { !$0.hasPrefix("## ") })
    }

    /// Code spans of a line, in order.
    static func code(in line: String) -> [String] {
        line.components(separatedBy: "`").enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
    }

    /// Options in a text: `--copies` of `[--copies K]`, `-l` of `[-l]`.
    static func options(in text: String) -> [String] {
        text.matches(of: #/(?:^|[\s\[=`|])(--?[a-zA-Z0][a-z0-9-]*)/#).map { String($0.output.1) }
    }
}

extension Block {
    fileprivate mutating func take(_ line: String, at number: Int) {
        lines.append(line)
        if line.hasPrefix("$ ") {
            steps.append(Step(line: number, command: String(line.dropFirst(2))))
        } else if !steps.isEmpty {
            steps[steps.count - 1].shown.append(line)
        }
    }
}
