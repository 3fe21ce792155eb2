// daft: a client of whatever runs on this node. It brings commands to the door of a data server here, and prints what
// comes back.

import DaftShell
import Glibc

exit(clientProgram.main { await $0.run(Visitor($0)) })
