// Throws bytes at one decoder after another: libFuzzer makes them, and keeps those that lead somewhere new. The program
// is called by a target's name, `fuzz-requests`, with libFuzzer's own arguments; `tools/fuzz.sh` does all of that.
//
//     Fuzz                       the names of the targets
//     Fuzz seeds NAME DIR        writes what a target begins with into files
//     Fuzz unpack CORPUS DIR     the same with what is kept of earlier runs: an input a line, in hexadecimal
//     Fuzz pack DIR CORPUS       keeps the files of a directory
//     fuzz-NAME ARG…             runs a target

import Glibc

let words = CommandLine.arguments
let called = words[0].split(separator: "/").last.map(String.init) ?? ""

func target(_ name: some StringProtocol) -> Target {
    guard let target = Target.all.first(where: { $0.name == name }) else { complain("no target \(name)") }
    return target
}

if called.hasPrefix("fuzz-") {
    await takeSlabs()
    exit(drive(target(called.dropFirst("fuzz-".count))))
}
switch words.dropFirst().first {
case "seeds" where words.count == 4: lay(target(words[2]).seeds(), "seed", in: words[3])
case "unpack" where words.count == 4: lay(Corpus.read(words[2]), "kept", in: words[3])
case "pack" where words.count == 4: Corpus.write(files(in: words[2]), to: words[3])
default: for target in Target.all { print(target.name) }
}
