#!/usr/bin/env bash
# Prints where the pinned buf is: one on PATH if it has the pinned version, else the one that npm installs into
# scripts/gen, once per change of the lock file. The lock file knows buf for Linux only.
source "$(dirname "$0")/env.sh"

version=1.75.0
if [ "$(buf --version 2>/dev/null)" = "$version" ]; then
	command -v buf
	exit
fi
if [ "$(uname -s)" != Linux ] || ! command -v npm >/dev/null; then
	die "buf $version is missing: install Node with npm (on Linux it brings buf along), or put buf $version on your PATH."
fi

stamp=scripts/gen/node_modules/.package-lock.json
if [ ! "$stamp" -nt scripts/gen/package-lock.json ]; then
	npm ci --prefix scripts/gen --no-audit --no-fund --loglevel=error >&2
	touch "$stamp"
fi
buf=$(echo "$PWD"/scripts/gen/node_modules/@bufbuild/buf-linux-*/bin/buf)
[ -x "$buf" ] || die "npm brought no buf for this processor ($(uname -m)): put buf $version on your PATH."
echo "$buf"
