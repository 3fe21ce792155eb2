"""The job scripts that daft's is beside: how a competent user brings a file to every node of a job before a command runs.

Each is submitted as `SCRIPT FILE COMMAND ARG…`: FILE is on the file system that all nodes share, which the host n0
serves, and COMMAND finds it in $STAGED on the node's own disk. `mark` is no part of them: it notes the time.
"""

import shutil
from dataclasses import dataclass

from harness import peers


@dataclass(frozen=True)
class JobPeer:
    name: str
    # Programs without which it cannot be run here.
    needs: tuple
    script: str
    # What has to be up, a function of the box and the number of nodes.
    setup: object = None
    note: str = ""

    @property
    def missing(self):
        return ", ".join(f"no {program} here" for program in self.needs if not shutil.which(program))


HEAD = """#!/bin/bash
#SBATCH --ntasks-per-node=1
set -e
file=$1; shift
name=${file##*/}
export STAGED=$TMPDIR
"""
TAIL = """
srun rm -f "$STAGED/$name"
"""

# The batch script's node reads the file and sends it to the others.
SBCAST = HEAD + 'sbcast --force --fanout=2 "$file" "$STAGED/$name"\nmark staged\nsrun "$@"' + TAIL

# Every node gets it from the file server itself.
RSYNC = HEAD + 'srun rsync -aW -e ssh "n0:$SERVED/$name" "$STAGED/$name"\nmark staged\nsrun "$@"' + TAIL

# Nothing is staged: the command reads from NFS. There is no kernel's NFS in a box, so libnfs's client reads, and what
# it has read is kept, to be compared.
NFS = HEAD + """mark staged
srun bash -c 'nfs-cp "nfs://n0$SERVED/$0?version=4" "$STAGED/$0" >/dev/null && exec "$@"' "$name" "$@"
""" + TAIL.lstrip()

PEERS = [
    JobPeer("Slurm's sbcast", ("sbcast",), SBCAST),
    JobPeer("rsync on each node", ("rsync",), RSYNC),
    JobPeer("NFS (ganesha, libnfs)", ("ganesha.nfsd", "nfs-cp"), NFS, setup=peers.start_nfs,
            note="nothing is staged; the command's first line has read the file"),
]
