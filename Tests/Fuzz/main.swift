// Coverage-guided fuzzing of the decoders with libFuzzer. The program name selects the target, as in `fuzz-requests`,
// and arguments are libFuzzer's; `tools/fuzz.sh` does all of that.
//
//     Fuzz                       lists the targets
//     Fuzz seeds NAME DIR        writes a target's seeds to files
//     Fuzz unpack CORPUS DIR     writes a kept corpus (one hexadecimal input per line) to files
//     Fuzz pack DIR CORPUS       writes the files of a directory to a corpus
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
