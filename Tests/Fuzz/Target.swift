// A fuzz target, and its connection to libFuzzer.

import Glibc

struct Target: Sendable {
    let name: String
    /// Maximum input length for libFuzzer.
    var longestBytes = 4_096
    /// The initial corpus.
    let seeds: @Sendable () -> [[UInt8]]
    let run: @Sendable ([UInt8]) -> Void

    static let all =
        [
            requests, replies, records, manifests, runs, envelopes, carriers, door, nodes, names, words, options,
            hostfiles, nodelists, patterns, packed, catalogue, rows,
        ]
}

/// libFuzzer's callback has no context argument.
nonisolated(unsafe) private var chosen: Target?

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ body: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

func drive(_ target: Target) -> CInt {
    chosen = target
    Memory.watch()
    var words = CommandLine.arguments
    if !words.contains(where: { $0.hasPrefix("-max_len") }) { words.append("-max_len=\(target.longestBytes)") }
    var count = CInt(words.count)
    var arguments = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: words.count + 1)
    for (index, word) in words.enumerated() { arguments[index] = strdup(word) }
    arguments[words.count] = nil
    return runDriver(&count, &arguments) { start, count in
        chosen?.run(Array(UnsafeBufferPointer(start: start, count: count)))
        return 0
    }
}

/// Aborts, so that libFuzzer keeps the input.
func complain(_ what: String) -> Never {
    let line = Array("fuzz: \(what)\n".utf8)
    _ = Glibc.write(STDERR_FILENO, line, line.count)
    abort()
}

/// An invariant for every input.
func require(_ isSo: Bool, _ what: @autoclosure () -> String) {
    if !isSo { complain(what()) }
}
