// The kept corpus: a minimal set of inputs with full coverage, one per line in hexadecimal, shortest first.

import DaftModel
import Glibc

enum Corpus {
    static func read(_ path: String) -> [[UInt8]] {
        bytes(of: path).split(separator: UInt8(ascii: "\n")).map { line in
            guard let input = bytesOfHex(String(decoding: line, as: UTF8.self)) else {
                complain("\(path) has a line that is not hexadecimal")
            }
            return input
        }
    }

    static func write(_ inputs: [[UInt8]], to path: String) {
        let lines = inputs.filter { !$0.isEmpty }.map { hexadecimal($0) }.sorted {
            ($0.utf8.count, $0) < ($1.utf8.count, $1)
        }
        Fuzz.write(Array(lines.map { $0 + "\n" }.joined().utf8), to: path)
    }
}

/// Writes each input to a file.
func lay(_ inputs: [[UInt8]], _ stem: String, in directory: String) {
    for (number, input) in inputs.enumerated() { write(input, to: "\(directory)/\(stem)-\(number)") }
}

func files(in path: String) -> [[UInt8]] {
    guard let directory = opendir(path) else { complain("no directory \(path)") }
    defer { closedir(directory) }
    var files: [[UInt8]] = []
    while let entry = readdir(directory) {
        // The entry is only as long as its name, so it must not be copied as a whole dirent.
        let start = UnsafeRawPointer(entry) + (MemoryLayout<dirent>.offset(of: \.d_name) ?? 0)
        let name = String(cString: start.assumingMemoryBound(to: CChar.self))
        if !name.hasPrefix(".") { files.append(bytes(of: "\(path)/\(name)")) }
    }
    return files
}

func write(_ bytes: [UInt8], to path: String) {
    guard let file = fopen(path, "w") else { complain("cannot write \(path)") }
    fwrite(bytes, 1, bytes.count, file)
    fclose(file)
}

private func bytes(of path: String) -> [UInt8] {
    guard let file = fopen(path, "r") else { return [] }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 64 << 10)
    while true {
        let count = fread(&piece, 1, piece.count, file)
        if count == 0 { return bytes }
        bytes += piece[..<count]
    }
}
