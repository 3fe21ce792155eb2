#!/usr/bin/env bash
# Builds the package, installs it in a separate root, uses it there, and removes it: nothing may be left.
set -euo pipefail
cd "$(dirname "$0")/.."
package=$(tools/deb.sh)
root=$(mktemp -d "${TMPDIR:-/tmp}/daft-deb.XXXXXX")
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates"
: >"$root/var/lib/dpkg/status"
# Its dependencies come from this system.
in_root() { dpkg --root="$root" --force-depends --force-not-root "$@" >/dev/null 2>&1; }

in_root --install "$package"
mkdir "$root/set" && printf hello >"$root/set/file"
"$root/usr/bin/daft-solo" --store "$root/store" -np 2 -q bcast "$root/set"
cmp "$root/set/file" "$root/store.1/set/file"
for program in daft daft-run daft-solo; do
    zcat "$root/usr/share/man/man1/$program.1.gz" | grep -q '^\.Sh EXIT STATUS'
done
grep -q '^prepend-path PATH "/usr/bin"' "$root/usr/share/daft/modulefiles/daft"
links=$(cd "$root/usr/share/doc/daft" &&
    grep -roP --include='*.md' '\]\(\K[^()\s#]+(?=[)#])' . | grep -v ':https\?://' || true)
[ -n "$links" ] || { echo "deb: the package has no documents" >&2 && exit 1; }
while IFS=: read -r document target; do
    path=$root/usr/share/doc/daft/$(dirname "$document")/$target
    [ -e "$path" ] || { echo "deb: $document has a link to $target, which is not in the package" >&2 && exit 1; }
done <<<"$links"
in_root --purge daft
left=$(find "$root/usr" -type f 2>/dev/null || true)
[ -z "$left" ] || { printf 'deb: removed, and yet there are\n%s\n' "$left" >&2 && exit 1; }
echo "deb: $package was installed, used and removed"
