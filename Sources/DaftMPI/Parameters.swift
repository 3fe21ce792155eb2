// Open MPI's parameters: where its own choice is known to be wrong for us, a better default is put into the environment
// before MPI_Init, if and only if the user has chosen nothing: not by mpirun --mca, the environment or a file of his
// own.

import Glibc

public struct MPIParameter: Hashable, Sendable {
    public let name: String
    public let value: String
    public let reason: String
}

public enum MPIParameters {
    /// The names of interfaces that are there when a fast fabric is.
    private static let fastFabrics = "/sys/class/infiniband"

    /// What we would choose on this machine.
    static func wishes(hasFastFabric: Bool) -> [MPIParameter] {
        var wishes: [MPIParameter] = []
        if hasFastFabric {
            wishes.append(
                MPIParameter(
                    name: "pml", value: "ucx",
                    reason: "a fast fabric is here, and Debian's configuration would leave it for TCP"))
        }
        return wishes
    }

    /// Sets what the user has not chosen; gives back what was set, for `-v` to name.
    public static func choose() -> [MPIParameter] {
        let isFast = access(fastFabrics, F_OK) == 0
        let known = chosenInFile()
        let unset = wishes(hasFastFabric: isFast).filter { wish in
            getenv("OMPI_MCA_" + wish.name) == nil && !known.contains(wish.name)
        }
        for wish in unset { setenv("OMPI_MCA_" + wish.name, wish.value, 0) }
        return unset
    }

    /// The names that the user's own parameter file sets.
    private static func chosenInFile() -> Set<String> {
        guard let home = getenv("HOME"), let file = fopen(String(cString: home) + "/.openmpi/mca-params.conf", "r")
        else {
            return []
        }
        defer { fclose(file) }
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        var names: Set<String> = []
        while getline(&line, &capacity, file) > 0, let text = line {
            if let name = parameterName(in: String(cString: text)) { names.insert(name) }
        }
        return names
    }

    /// The name that a line `name = value` of a parameter file sets.
    static func parameterName(in line: String) -> String? {
        let text = line.prefix { $0 != "#" }
        guard let equals = text.firstIndex(of: "=") else { return nil }
        let name = text[..<equals].filter { !$0.isWhitespace }
        return name.isEmpty ? nil : String(name)
    }
}
