// daft-solo: the whole system in one process, rank 0 and some data servers joined by memory.

import DaftShell
import Glibc

switch solo.start() {
case .over(let status): exit(status)
case .go(let invocation): exit(await run(invocation))
}
