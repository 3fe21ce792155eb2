// A real sshd on loopback with its own port, keys and configuration; requires root.

import Foundation
import Glibc
import Testing
import TestPrograms

final class SecureShell {
    static let program = "/usr/sbin/sshd"

    /// Why it is not available; nil if it is.
    static var obstacle: String? {
        if geteuid() != 0 { return "only root can start an sshd of its own" }
        return access(program, X_OK) == 0 ? nil : "there is no \(program)"
    }

    let port: Int
    private let place: String
    private let server: Running

    /// Its sessions use the home directories of `site` for a host called `name`.
    init(_ name: String, in site: Site) throws {
        place = "\(site.path)/sshd-\(name)"
        let home = "\(site.path)/home-\(name)"
        for directory in [place, home, "/run/sshd"] {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        }
        port = freePort()
        for key in ["host", "user", "other"] { try SecureShell.makeKey("\(place)/\(key)") }
        try FileManager.default.copyItem(atPath: "\(place)/user.pub", toPath: "\(place)/authorized")
        try """
        ListenAddress 127.0.0.1:\(port)
        HostKey \(place)/host
        AuthorizedKeysFile \(place)/authorized
        PidFile none
        StrictModes no
        UsePAM no
        PermitRootLogin prohibit-password
        SetEnv HOME=\(home) TMPDIR=\(home) SITE=\(site.path)
        """.write(toFile: "\(place)/sshd_config", atomically: true, encoding: .utf8)
        server = try Running(
            SecureShell.program, ["-D", "-e", "-f", "\(place)/sshd_config"], in: place, input: "/dev/null",
            output: "\(place)/out", errors: "\(place)/err")
        server.wait { site.text("\(place)/err").contains("listening on") }
        try know(host: "host")
    }

    deinit {
        server.signal(SIGCONT)
        server.end()
    }

    /// The command for `--ssh`.
    func client(key: String = "user") throws -> String {
        try """
        IdentityFile \(place)/\(key)
        IdentitiesOnly yes
        UserKnownHostsFile \(place)/known
        GlobalKnownHostsFile /dev/null
        StrictHostKeyChecking yes
        """.write(toFile: "\(place)/config-\(key)", atomically: true, encoding: .utf8)
        return "ssh -F \(place)/config-\(key)"
    }

    /// The client accepts that key as the server's; "none": no key.
    func know(host key: String) throws {
        let line = key == "none" ? "" : try String(contentsOfFile: "\(place)/\(key).pub", encoding: .utf8)
        try "[127.0.0.1]:\(port) \(line)".write(toFile: "\(place)/known", atomically: true, encoding: .utf8)
    }

    /// Stops it until the end of the test.
    func stop() { server.signal(SIGSTOP) }

    private static func makeKey(_ path: String) throws {
        let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
        let ended = try Running(
            "/usr/bin/ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path], in: directory,
            input: "/dev/null", output: path + ".out", errors: path + ".err"
        ).wait()
        try #require(ended.status == 0, "\(ended.errors)")
    }
}

/// A free port on loopback.
private func freePort() -> Int {
    let probe = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(probe) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    return withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
            guard bind(probe, address, size) == 0, getsockname(probe, address, &size) == 0 else { return 0 }
            return Int(UInt16(bigEndian: pointer.pointee.sin_port))
        }
    }
}
