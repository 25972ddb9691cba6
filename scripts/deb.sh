#!/usr/bin/env bash
# Builds a Debian package of both programs into bin/: scripts/deb.sh [FOLDER]. No network, no root.
source "$(dirname "$0")/env.sh"

into=${1:-bin}
command -v dpkg-deb >/dev/null || die "deb: there is no dpkg-deb; build on Debian."
described=$(git describe --tags --always 2>/dev/null || echo 0)
version=${described#v}
case $version in [0-9]*.*) ;; *) version=0.0.0+$version ;; esac
arch=$(dpkg --print-architecture)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"
install -d "$root/DEBIAN" "$root/usr/bin" "$root/etc/doorstep" "$root/usr/lib/systemd/system" "$root/usr/share/doc/doorstep"
go build -tags "$TAGS" -ldflags "-s -w -X main.version=$described" -o "$root/usr/bin/" ./server/cmd/doorstepd ./clients/cmd/doorstep
install -m 644 deploy/doorstepd.yaml "$root/etc/doorstep/doorstepd.yaml"
install -m 644 deploy/doorstepd.service "$root/usr/lib/systemd/system/"
install -m 644 docs/operations.md docs/operations.zh-CN.md docs/cli.md deploy/litestream.yml LICENSE "$root/usr/share/doc/doorstep/"
cat >"$root/DEBIAN/control" <<CONTROL
Package: doorstep
Version: $version
Architecture: $arch
Maintainer: Doorstep <doorstep@localhost>
Depends: libc6
Recommends: systemd
Section: net
Priority: optional
Description: offline-first records of a neighbourhood
 doorstepd, the centre, and doorstep, the command line.
CONTROL
echo /etc/doorstep/doorstepd.yaml >"$root/DEBIAN/conffiles"
cat >"$root/DEBIAN/postinst" <<'POST'
#!/bin/sh
set -e
if [ "$1" = configure ]; then
	getent group doorstep >/dev/null || groupadd --system doorstep
	getent passwd doorstep >/dev/null || useradd --system --gid doorstep --home-dir /var/lib/doorstep --shell /usr/sbin/nologin doorstep
	install -d -m 700 -o doorstep -g doorstep /var/lib/doorstep
	if [ -d /run/systemd/system ]; then
		systemctl daemon-reload
		systemctl try-restart doorstepd.service
	fi
fi
POST
cat >"$root/DEBIAN/prerm" <<'PRE'
#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
	systemctl stop doorstepd.service
fi
PRE
chmod 755 "$root/DEBIAN/postinst" "$root/DEBIAN/prerm"
mkdir -p "$into"
dpkg-deb --root-owner-group --build "$root" "$into/doorstep_${version}_$arch.deb" >/dev/null
echo "$into/doorstep_${version}_$arch.deb"
