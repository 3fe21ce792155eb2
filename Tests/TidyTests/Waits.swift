// Finds waits without a deadline of their own. docs/waits.md lists what ends each.

import Foundation

/// A file, a waiting call, and the number of its occurrences.
struct Wait: Hashable, CustomStringConvertible {
    let path: String
    let word: String
    let count: Int

    var description: String { "\(path): \(count) × \(word)" }
}

private let calls: Set<Substring> = [
    "withUnsafeContinuation", "withCheckedContinuation", "withUnsafeThrowingContinuation",
    "withCheckedThrowingContinuation", "pthread_cond_wait", "pthread_cond_timedwait", "pthread_join", "zmq_poll",
    "waitpid", "usleep", "nanosleep", "flock", "MPI_Init_thread", "MPI_Finalize", "MPI_Abort", "MPI_Wait",
    "MPI_Waitall", "MPI_Barrier", "MPI_Recv", "MPI_Send", "sem_wait",
]

/// Only the C library's: other functions of these names take a deadline.
private let plainCalls: Set<Substring> = ["poll", "sleep", "connect"]

extension Source {
    var waits: [Wait] {
        var counts: [String: Int] = [:]
        for i in tokens.indices {
            if let word = wait(at: i) { counts[word, default: 0] += 1 }
        }
        return counts.sorted { $0.key < $1.key }.map { Wait(path: path, word: $0.key, count: $0.value) }
    }

    private func wait(at i: Int) -> String? {
        let next = tokens[(i + 1)...].prefix(4).map(\.text)
        let isCalled = next.first == "(" || next.first == "{"
        let before = i > 0 ? tokens[i - 1].text : ""
        switch tokens[i].text {
        case let word where calls.contains(word): return isCalled && before != "." ? String(word) : nil
        case let word where plainCalls.contains(word):
            return isCalled && ![".", "func"].contains(before) && !isOurs(next) ? String(word) : nil
        case "wait": return next == ["(", "until", ":", "nil"] ? "wait(until: nil)" : nil
        default: return nil
        }
    }

    /// Our own functions take labels, nothing, text or a task; C functions start with a plain argument.
    private func isOurs(_ next: [Substring]) -> Bool {
        let first = next.dropFirst().first ?? ")"
        let isPlain = first == "&" || first.first?.isLetter ?? false
        return !isPlain || first == "task" || next.dropFirst(2).first == ":"
    }
}

/// The rows of docs/waits.md: `| file | word | … |`, where a word may stand for several (`poll ×2`).
func listedWaits(in document: String) -> [Wait] {
    document.split(separator: "\n").compactMap { line in
        let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
        guard cells.count == 4, let match = cells[1].wholeMatch(of: #/`([^`]+)`(?: ×(\d+))?/#),
            let link = cells[0].wholeMatch(of: #/\[.*\]\(\.\./(.*)\)/#), cells.allSatisfy({ !$0.isEmpty })
        else { return nil }
        return Wait(path: String(link.1), word: String(match.1), count: match.2.flatMap { Int($0) } ?? 1)
    }
}
