// daft-solo: the whole system in one process, rank 0 and some data servers joined by memory.

import DaftShell
import Glibc

exit(solo.main { await run($0) })
