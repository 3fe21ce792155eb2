// Until when something is waited for.

import DaftLink
import Glibc

struct Deadline {
    private let moment: Nanoseconds

    init(inMilliseconds milliseconds: Int) { moment = monotonicNow() + Nanoseconds(milliseconds) * 1_000_000 }

    var isOver: Bool { monotonicNow() >= moment }

    /// What is left, as poll takes it: rounded up, so that nobody wakes too early.
    var milliseconds: Int32 {
        let now = monotonicNow()
        return now >= moment ? 0 : Int32(clamping: (moment - now + 999_999) / 1_000_000)
    }
}
