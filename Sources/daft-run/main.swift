// daft-run: the cluster's program. mpirun starts one on each node and one more: rank 0 is the metadata server and reads
// the commands, the others are data servers.

import DaftShell
import Glibc

if isFirstRank() {
    switch clusterProgram.start() {
    case .over(let status): exit(status)
    case .go(let invocation): exit(RankMain(invocation.options, invocation).run())
    }
} else if let options = clusterProgram.quietOptions() {
    // Whoever launches may itself be any task of a step of the job.
    exit(options.isLaunch ? launch(options) : RankMain(options, nil).run())
}
