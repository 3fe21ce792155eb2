// A planted fault: what it does, and which property has to catch it.

import DaftCore

struct Flaws: Sendable {
    var disk = DiskFlaws()
    var tampering = Tampering()
    /// A loss of power is taken for a mere kill.
    var keepsBootID = false
}
