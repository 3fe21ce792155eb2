// What tests of programs look at: processes, what becomes true in time, bytes to stage.

import Foundation
import Glibc

/// Bytes of which no chunk equals another.
public func noise(_ count: Int) throws -> Data {
    try FileHandle(forReadingFrom: URL(fileURLWithPath: "/dev/urandom")).read(upToCount: count) ?? Data()
}

/// Whether a process is there that is more than what is left of one.
public func runs(_ process: pid_t) -> Bool {
    guard let status = FileManager.default.contents(atPath: "/proc/\(process)/stat") else { return false }
    return !String(decoding: status, as: UTF8.self).contains(") Z ")
}

/// Waits for what will be true soon; false if it was not.
public func soon(seconds: Double = 10, _ condition: () throws -> Bool) rethrows -> Bool {
    let deadline = Date().addingTimeInterval(seconds)
    while Date() < deadline {
        if try condition() { return true }
        usleep(20_000)
    }
    return try condition()
}
