// Every client that runs or waits at a door holds a connection, and so may strangers at a port.

import Glibc

/// As many open files as this process may have; none of its own work must fail for want of one.
public func allowManyFiles() {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    limit.rlim_cur = min(limit.rlim_max, 65_536)
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
}
