// Throws bytes at one decoder after another: libFuzzer makes them, and keeps those that lead somewhere new. The program
// is called by a target's name, `fuzz-requests`, with libFuzzer's own arguments; `tools/fuzz.sh` does all of that.
//
//     Fuzz                     the names of the targets
//     Fuzz seeds NAME DIR      writes what a target begins with into files
//     fuzz-NAME ARG…           runs a target

import Glibc

let words = CommandLine.arguments
let called = words[0].split(separator: "/").last.map(String.init) ?? ""

if called.hasPrefix("fuzz-") {
    guard let target = Target.all.first(where: { "fuzz-" + $0.name == called }) else { complain("no target \(called)") }
    await takeSlabs()
    exit(drive(target))
}
if words.count == 4, words[1] == "seeds", let target = Target.all.first(where: { $0.name == words[2] }) {
    for (number, seed) in target.seeds().enumerated() { write(seed, to: "\(words[3])/seed-\(number)") }
} else {
    for target in Target.all { print(target.name) }
}
