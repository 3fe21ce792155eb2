#!/usr/bin/env bash
# Builds a Debian package of the built programs, .build/deb/daft_VERSION_ARCH.deb, and checks it with lintian.
# DEBFULLNAME and DEBEMAIL name the maintainer, as for Debian's own tools.
set -euo pipefail
cd "$(dirname "$0")/.."
version=$(.build/release/daft --version | cut -d ' ' -f 2)
arch=$(dpkg --print-architecture)
stage=.build/deb/daft
package=.build/deb/daft_${version}_$arch.deb
doc=$stage/usr/share/doc/daft
maker="${DEBFULLNAME:-The authors of daft} <${DEBEMAIL:-daft@localhost}>"
umask 022
rm -rf .build/deb
mkdir -p "$stage/DEBIAN" "$doc" "$stage/usr/share/lintian/overrides"

tools/install.sh "$stage/usr" /usr
mkdir -p "$stage/usr/share/zsh/vendor-completions"
mv "$stage"/usr/share/zsh/site-functions/* "$stage/usr/share/zsh/vendor-completions"
rmdir "$stage/usr/share/zsh/site-functions"
strip --strip-unneeded --remove-section=.comment --remove-section=.note "$stage"/usr/bin/*
find "$stage/usr/share/man" -type f -exec gzip -9n {} +

cat >"$doc/copyright" <<TEXT
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: daft

Files: *
Copyright: 2026 the authors of daft
License: Apache-2.0
 On Debian systems the text of this licence is in /usr/share/common-licenses/Apache-2.0.
TEXT
printf 'daft (%s) unstable; urgency=medium\n\n  * See CHANGELOG.md.\n\n -- %s  %s\n' \
    "$version" "$maker" "$(date -R -r CHANGELOG.md)" | gzip -9n >"$doc/changelog.gz"

# `daft` copies itself to hosts that have only glibc, and all programs contain Swift's library. A site's packager may
# have no public address.
cat >"$stage/usr/share/lintian/overrides/daft" <<TEXT
daft: embedded-library *
daft: bogus-mail-host *
daft: bogus-mail-host-in-debian-changelog *
TEXT

# The control file that dpkg-shlibdeps expects in a source package.
mkdir -p .build/deb/debian
printf 'Source: daft\n\nPackage: daft\nArchitecture: any\n' >.build/deb/debian/control
depends=$(cd .build/deb && dpkg-shlibdeps -O --ignore-missing-info daft/usr/bin/* 2>/dev/null |
    sed -n 's/^shlibs:Depends=//p')
cat >"$stage/DEBIAN/control" <<TEXT
Package: daft
Version: $version
Architecture: $arch
Maintainer: $maker
Installed-Size: $(du -sk --exclude=DEBIAN "$stage" | cut -f 1)
Section: net
Priority: optional
Depends: $depends
Recommends: openmpi-bin, openssh-client
Description: stage datasets onto the local disks of the nodes that use them
 daft brings files from one place onto the local disks of the nodes that compute
 on them, as plain files, every byte checked by its SHA-256, in about the time
 that one link needs to carry them once.
 .
 daft-run does so in the jobs of a cluster, on Open MPI; daft on workstations,
 over ssh; daft-solo in one process, to try it.
TEXT
(cd "$stage" && find usr -type f -printf '%P\0' | sort -z | (cd usr && xargs -0 md5sum) | sed 's|  |  usr/|') \
    >"$stage/DEBIAN/md5sums"
dpkg-deb --root-owner-group --build "$stage" "$package" >/dev/null
lintian --allow-root --fail-on error "$package" >&2
echo "$package"
