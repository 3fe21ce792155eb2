// Raises the descriptor limit: each client holds a connection, as may strangers at a port.

import Glibc

/// Raises the soft limit to the hard limit, so that connections cannot starve this process of descriptors.
public func allowManyFiles() {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    limit.rlim_cur = min(limit.rlim_max, 65_536)
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
}
