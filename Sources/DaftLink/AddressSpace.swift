// Memory that a process may not have (`ulimit -v`) is found missing in the middle of something, where nobody can say
// so: it is looked for before the beginning.

import Glibc

public enum AddressSpace {
    /// For stacks, buffers of the libraries and the pages of databases.
    private static let aside = 256 << 20

    /// Why `bytes` more cannot be had under the limit of this process; nil where they can.
    public static func lack(of bytes: Int) -> String? {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
        guard limit.rlim_cur != rlim_t.max else { return nil }
        return lack(of: bytes, limit: Int(clamping: limit.rlim_cur), used: used())
    }

    static func lack(of bytes: Int, limit: Int, used: Int) -> String? {
        let wanted = used + bytes + aside
        if wanted <= limit { return nil }
        return "this process may have \(limit >> 20) MiB of memory (ulimit -v), and needs \(wanted >> 20) MiB: "
            + "raise that limit"
    }

    /// The address space that is in use now; 0 where the system does not say.
    private static func used() -> Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        guard fgets(&line, Int32(line.count), file) != nil else { return 0 }
        return strtol(line, nil, 10) * Int(sysconf(Int32(_SC_PAGESIZE)))
    }
}
