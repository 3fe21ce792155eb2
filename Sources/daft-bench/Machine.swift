// The machine on which figures were measured.

import Glibc

struct Machine {
    let text: String

    /// This machine, and the filesystem of `path`.
    init(of path: String) throws {
        let memory = Machine.field("MemTotal", in: try contents(of: "/proc/meminfo"))
        let mebibytes = (memory.split(separator: " ").first.flatMap { Int($0) } ?? 0) >> 10
        let load = try contents(of: "/proc/loadavg").split(separator: " ").first ?? ""
        let facts = [
            "\(Machine.field("model name", in: try contents(of: "/proc/cpuinfo"))), \(processors) cores",
            "\(fixed(Double(mebibytes) / 1024, 1)) GiB of memory",
            "Linux \(Machine.kernel)", "\(try Machine.filesystem(of: path)) for the data",
            "load \(load) before the run", Machine.date,
        ]
        text = "Machine: " + facts.joined(separator: "; ") + "."
    }

    private static func field(_ name: String, in text: String) -> String {
        for line in text.split(separator: "\n") where line.hasPrefix(name) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            return String(line[line.index(after: colon)...].drop { $0 == " " })
        }
        return "unknown"
    }

    private static var kernel: String {
        var names = utsname()
        uname(&names)
        return withUnsafeBytes(of: &names.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// The filesystem type of the longest mount point above `path`.
    private static func filesystem(of path: String) throws -> String {
        let mounts = try contents(of: "/proc/self/mounts").split(separator: "\n").map { $0.split(separator: " ") }
        let over = mounts.filter { mount in
            mount.count > 2 && (mount[1] == "/" || path == mount[1] || path.hasPrefix(mount[1] + "/"))
        }
        return over.max { $0[1].count < $1[1].count }.map { String($0[2]) } ?? "unknown"
    }

    private static var date: String {
        var (now, parts) = (time(nil), tm())
        gmtime_r(&now, &parts)
        func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
    }
}

/// The number of usable processors.
let processors = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
