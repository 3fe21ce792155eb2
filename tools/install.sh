#!/usr/bin/env bash
# Installs the built programs below a prefix, with manual pages, completions for bash, zsh and fish, scripts for batch
# systems, a modulefile and documents. tools/install.sh PREFIX [PREFIX-AS-SEEN-LATER]
set -euo pipefail
[ $# = 1 ] || [ $# = 2 ] || { sed -n '2,3s/^# //p' "$0" >&2 && exit 2; }
prefix=$1 final=${2:-$1}
place=$(cd "$(dirname "$0")/.." && pwd)
built=$place/.build/release
share=$prefix/share
bash=$share/bash-completion/completions
zsh=$share/zsh/site-functions
fish=$share/fish/vendor_completions.d
# Under sudo Swift may not be in PATH, and a build by root would leave files that its user cannot write.
[ -x "$built/daft-run" ] && [ -x "$built/daft" ] && [ -x "$built/daft-solo" ] || {
    echo "install: nothing is built yet: run make build first, as yourself" >&2
    exit 1
}

install -d "$prefix/bin" "$share/man/man1" "$share/man/man5" "$bash" "$zsh" "$fish" "$share/daft/modulefiles"
for program in daft-run daft daft-solo; do
    install -m 755 "$built/$program" "$prefix/bin"
    "$built/$program" --manual >"$share/man/man1/$program.1"
    "$built/$program" --completion bash >"$bash/$program"
    "$built/$program" --completion zsh >"$zsh/_$program"
    "$built/$program" --completion fish >"$fish/$program.fish"
done
"$built/daft" --manual=jobfile >"$share/man/man5/daft-jobfile.5"
cp -r "$place/slurm" "$place/jobs" "$share/daft"
"$place/tools/docs.sh" "$share/doc/daft"

version=$("$built/daft" --version)
cat >"$share/daft/modulefiles/daft" <<TCL
#%Module1.0
# \`module use $final/share/daft/modulefiles; module load daft\`
module-whatis "$version: stages datasets onto the local disks of nodes"
conflict daft
prepend-path PATH "$final/bin"
prepend-path MANPATH "$final/share/man"
setenv DAFT_SCRIPTS "$final/share/daft"
TCL
