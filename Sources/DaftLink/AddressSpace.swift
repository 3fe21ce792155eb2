// Checks the address space limit (`ulimit -v`) at the start, because a failed allocation later could not be reported.

import Glibc

public enum AddressSpace {
    /// Reserve for stacks, library buffers and database caches.
    private static let aside = 256 << 20

    /// Why `bytes` more cannot be allocated under the limit; nil if they can.
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

    /// Address space in use; 0 if unknown.
    private static func used() -> Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 128)
        guard fgets(&line, Int32(line.count), file) != nil else { return 0 }
        return strtol(line, nil, 10) * Int(sysconf(Int32(_SC_PAGESIZE)))
    }
}
