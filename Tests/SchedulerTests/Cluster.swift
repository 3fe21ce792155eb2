// A small cluster in a box: hosts that see one directory, as they do a site's shared filesystem, and an account on each
// of them. What a batch system is on it is the suites' own.

import Foundation
import Glibc
import TestBox
import Testing
import TestPrograms

let clusterHosts = 4

/// Made when the first test needs it.
let clusterBox = Result {
    let box = try Box(hosts: clusterHosts, network: "10.78.0", programs: ["daft-run", "daft"])
    for host in 0..<clusterHosts {
        let made = try box.shell(Account.making, on: host)
        guard made.status == 0 else { throw NoBox(program: "useradd", reason: made.errors) }
    }
    return box
}

/// All suites of this target: one box for all, so one test at a time.
@Suite(.serialized, .timeLimit(.minutes(5))) enum SchedulerTests {}

/// Who submits jobs: somebody without any rights.
enum Account {
    static let name = "ana"
    static let number: UInt32 = 5000
    /// It may log in to every host from every host. With `*` it has no password; without, it would be locked.
    static let making = """
        useradd --uid \(number) --password '*' --create-home \(name) && cp -r /root/.ssh /home/\(name) &&
        chown -R \(name): /home/\(name)/.ssh
        """
}

/// A directory of the account's that all hosts see, with what one test has there; it goes with the test.
final class Desk {
    let box: Box
    let place: String

    init(_ box: Box) throws {
        self.box = box
        place = "\(box.common)/desk-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        try own("")
    }

    deinit { try? FileManager.default.removeItem(atPath: place) }

    subscript(path: String) -> String { "\(place)/\(path)" }

    private func own(_ path: String) throws {
        guard lchown(self[path], Account.number, Account.number) == 0 else {
            throw NoBox(program: "lchown", reason: String(cString: strerror(errno)))
        }
    }

    /// Writes a file, in folders that are made.
    func write(_ path: String, _ bytes: Data) throws {
        let folders = path.split(separator: "/").dropLast().map(String.init)
        for count in 0..<folders.count {
            let folder = folders[0...count].joined(separator: "/")
            if access(self[folder], F_OK) == 0 { continue }
            try FileManager.default.createDirectory(atPath: self[folder], withIntermediateDirectories: false)
            try own(folder)
        }
        try bytes.write(to: URL(fileURLWithPath: self[path]))
        try own(path)
    }

    func write(_ path: String, _ text: String) throws { try write(path, Data(text.utf8)) }

    /// A script of the repository, to be submitted from here.
    func script(_ path: String) throws -> String {
        let repository = (#filePath as NSString).deletingLastPathComponent + "/../../"
        let name = (path as NSString).lastPathComponent
        try write(name, try Data(contentsOf: URL(fileURLWithPath: repository + path)))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: self[name])
        return self[name]
    }

    func text(_ path: String) -> String {
        (try? String(contentsOfFile: self[path], encoding: .utf8)) ?? ""
    }

    func list(_ path: String) -> [String] { (try? FileManager.default.contentsOfDirectory(atPath: self[path])) ?? [] }

    func has(_ path: String) -> Bool { access(self[path], F_OK) == 0 }

    /// Starts a program as the account, here.
    func start(_ words: [String], on host: Int = 0) throws -> Running {
        let account = ["--reuid=\(Account.number)", "--regid=\(Account.number)", "--init-groups"]
        let variables = ["HOME=/home/\(Account.name)", "USER=\(Account.name)", "PATH=\(box.common):/usr/bin:/bin"]
        return try box.start(
            ["setpriv"] + account + ["env", "-i", "-C", place] + variables + words, on: host)
    }

    @discardableResult
    func run(_ words: String..., on host: Int = 0) throws -> Ended { try start(words, on: host).wait(seconds: 60) }
}
