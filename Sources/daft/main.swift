// daft: a client of whatever runs on this node. It brings commands to the door of a data server here, and prints what
// comes back.

import DaftShell
import Glibc

switch clientProgram.start() {
case .over(let status): exit(status)
case .go(let invocation):
    let status = await invocation.run(Visitor(invocation))
    invocation.console.close()
    exit(status)
}
