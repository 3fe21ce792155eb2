// daft-run: the cluster program. mpirun starts one rank more than nodes: rank 0 is the metadata server and reads the
// commands, the others are data servers.

import DaftShell
import Glibc

if isFirstRank() {
    switch clusterProgram.start() {
    case .over(let status): exit(status)
    case .go(let invocation): exit(RankMain(invocation.options, invocation).run())
    }
} else if let options = clusterProgram.quietOptions() {
    // The launching process may itself be any task of a job step.
    exit(options.isLaunch ? launch(options) : RankMain(options, nil).run())
}
