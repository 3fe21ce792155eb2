// Helpers for tests of programs: processes, waiting for conditions, test data.

import Foundation
import Glibc

/// Bytes without equal chunks.
public func noise(_ count: Int) throws -> Data {
    try FileHandle(forReadingFrom: URL(fileURLWithPath: "/dev/urandom")).read(upToCount: count) ?? Data()
}

/// Whether a process exists and is no zombie.
public func runs(_ process: pid_t) -> Bool {
    guard let status = FileManager.default.contents(atPath: "/proc/\(process)/stat") else { return false }
    return !String(decoding: status, as: UTF8.self).contains(") Z ")
}

/// Waits for a condition; false after the timeout.
public func soon(seconds: Double = 10, _ condition: () throws -> Bool) rethrows -> Bool {
    let deadline = Date().addingTimeInterval(seconds)
    while Date() < deadline {
        if try condition() { return true }
        usleep(20_000)
    }
    return try condition()
}
