// A deadline on the monotonic clock.

import DaftLink
import Glibc

struct Deadline {
    private let moment: Nanoseconds

    init(inMilliseconds milliseconds: Int) { moment = monotonicNow() + Nanoseconds(milliseconds) * 1_000_000 }

    var isOver: Bool { monotonicNow() >= moment }

    /// Remaining time for poll, rounded up so that it does not wake early.
    var milliseconds: Int32 {
        let now = monotonicNow()
        return now >= moment ? 0 : Int32(clamping: (moment - now + 999_999) / 1_000_000)
    }
}
