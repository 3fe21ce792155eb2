// Other programs: those that daft is compared with, and tools that create and remove trees.

import DaftLink
import Glibc

struct PeerFailure: Error, CustomStringConvertible {
    let description: String
}

struct Ran {
    let cost: Cost
    let peakBytes: Int
    let output: String
}

/// Runs a program to its end.
@discardableResult
func run(_ arguments: [String]) throws -> Ran {
    guard let printed = tmpfile() else { throw PeerFailure(description: "no temporary file can be made") }
    defer { fclose(printed) }
    let start = monotonicNow()
    let child = try spawn(arguments, printingTo: fileno(printed))
    var (ended, usage) = (Int32(), rusage())
    while wait4(child, &ended, 0, &usage) < 0, errno == EINTR {}
    let cost = Cost(seconds: seconds(since: start), processorSeconds: usage.processorSeconds)
    guard ended == 0 else { throw PeerFailure(description: "\(arguments.joined(separator: " ")) failed") }
    rewind(printed)
    return Ran(cost: cost, peakBytes: usage.ru_maxrss * 1024, output: text(of: printed))
}

private func spawn(_ arguments: [String], printingTo output: Int32) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
    // Swift's threads block signals, but openssl needs SIGALRM.
    var (attributes, none) = (posix_spawnattr_t(), sigset_t())
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    var words = cWords(arguments)
    defer { for word in words { free(word) } }
    var child = pid_t()
    let status = posix_spawnp(&child, arguments[0], &actions, &attributes, &words, environ)
    guard status == 0 else { throw PeerFailure(description: "\(arguments[0]): \(String(cString: strerror(status)))") }
    return child
}

/// The words of a command as C strings.
func cWords(_ words: [String]) -> [UnsafeMutablePointer<CChar>?] { words.map { strdup($0) } + [nil] }

/// Bytes per second that one thread of OpenSSL hashes, in calls of a mebibyte.
func hashedBytesPerSecond() throws -> Double {
    let words = ["openssl", "speed", "-seconds", "2", "-bytes", "1048576", "-evp", "sha256"]
    let last = try run(words).output.split(separator: "\n").last ?? ""
    guard let figure = last.split(separator: " ").last, figure.last == "k", let value = Double(figure.dropLast()) else {
        throw PeerFailure(description: "openssl speed said \(last)")
    }
    return value * 1000
}

func contents(of path: String) throws -> String {
    guard let file = fopen(path, "r") else { throw PeerFailure(description: "\(path) cannot be read") }
    defer { fclose(file) }
    return text(of: file)
}

private func text(of file: UnsafeMutablePointer<FILE>) -> String {
    var bytes: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = fread(&part, 1, part.count, file), count > 0 { bytes += part[..<count] }
    return String(decoding: bytes, as: UTF8.self)
}
