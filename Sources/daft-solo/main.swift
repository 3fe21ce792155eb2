// daft-solo: the whole system in one process: rank 0 and data servers over the memory link.

import DaftShell
import Glibc

exit(solo.main { await run($0) })
