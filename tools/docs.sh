#!/usr/bin/env bash
# Copies the documents to a directory with the repository's layout, so that their links work. Links to files that are
# not installed, such as sources, are replaced by their text. tools/docs.sh DIR
set -euo pipefail
[ $# = 1 ] || { sed -n '2,3s/^# //p' "$0" >&2 && exit 2; }
place=$(cd "$(dirname "$0")/.." && pwd)
install -d "$1/docs/plots"
doc=$(cd "$1" && pwd)
install -m 644 "$place"/*.md "$doc"
install -m 644 "$place"/docs/*.md "$place"/docs/*.json "$doc/docs"
install -m 644 "$place"/docs/plots/*.svg "$doc/docs/plots"
for scripts in slurm jobs; do ln -sfn "../../daft/$scripts" "$doc/$scripts"; done

# The target of a link relative to the document; scripts are found in their directory.
for document in "$doc"/*.md "$doc"/docs/*.md; do
    DOC=$doc PLACE=$place perl -0777 -pi - "$document" <<'PERL'
sub stays {
    my ($target) = @_;
    return 1 if $target =~ m{^(https?:|mailto:|#)};
    $target =~ s/#.*//;
    my ($directory) = $ARGV =~ m{^(.*)/};
    my $path = "$directory/$target";
    1 while $path =~ s{/[^/]+/\.\.(/|$)}{$1};
    return 0 if index($path, $ENV{DOC}) != 0;
    my $inside = substr $path, length $ENV{DOC};
    return -e "$ENV{PLACE}$inside" if $inside =~ m{^/(slurm|jobs)(/|$)};
    return -e $path;
}
s{(!?)\[([^\[\]]*)\]\(([^()\s]+)\)}{stays($3) ? "$1\[$2\]($3)" : $2}ge;
PERL
done
