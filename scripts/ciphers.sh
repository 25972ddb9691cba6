#!/usr/bin/env bash
# Runs a command whose Go programs are linked with SQLite3MultipleCiphers in place of SQLite, so that a replica can be
# encrypted as a whole:
#
#   scripts/ciphers.sh go build -o bin/ ./clients/cmd/doorstep
#   scripts/ciphers.sh go test ./clients/device
#
# The library is built on first use, from the one C file that the npm package named below carries; its bytes are checked.
source "$(dirname "$0")/env.sh"

package=better-sqlite3-multiple-ciphers@13.0.3 # SQLite3MultipleCiphers 2.4.0 with SQLite 3.53.4
sums="ad84d2c24540cf62ea27ee414911a32963390769bd031f39a50aec0ad90614a0  sqlite3.c
eae796d67d1a8236ed47b3fff858beb2d2a34f3b7ca0d8b6ea97e21729967374  sqlite3.h"
# What the Go driver compiles its own SQLite with, and temporary tables in memory: those would not be encrypted.
flags="-O2 -fPIC -w -DSQLITE_THREADSAFE=1 -DHAVE_USLEEP=1 -DSQLITE_ENABLE_FTS3 -DSQLITE_ENABLE_FTS3_PARENTHESIS -DSQLITE_ENABLE_FTS5
	-DSQLITE_ENABLE_RTREE -DSQLITE_TRACE_SIZE_LIMIT=15 -DSQLITE_OMIT_DEPRECATED -DSQLITE_DEFAULT_WAL_SYNCHRONOUS=1
	-DSQLITE_ENABLE_UPDATE_DELETE_LIMIT -DSQLITE_ENABLE_DBSTAT_VTAB -DSQLITE_TEMP_STORE=2"

# The name of the folder tells Go's cache when anything of this has changed: it does not look into libraries.
folder=$PWD/.task/ciphers/$(echo "$package $sums $flags $(uname -m)" | sha256sum | cut -c1-12)

# build compiles the library into the folder, which has its name only when it is whole.
build() {
	command -v npm >/dev/null || die "ciphers: npm is missing; it brings the library's source: install Node with npm."
	command -v gcc >/dev/null || die "ciphers: gcc is missing; install it (Debian: gcc libc6-dev)."
	local part
	mkdir -p "${folder%/*}"
	part=$(mktemp -d "$folder.XXXXXX")
	trap 'rm -rf "$part"' EXIT
	(
		cd "$part"
		npm pack "$package" --silent --pack-destination . >/dev/null || die "ciphers: npm could not bring $package."
		tar xzf ./*.tgz --strip-components=3 package/deps/sqlite3/sqlite3.c package/deps/sqlite3/sqlite3.h
		rm ./*.tgz
		echo "$sums" | sha256sum --check --quiet || die "ciphers: the source that came is not the one that was looked at; nothing was built."
		# shellcheck disable=SC2086
		gcc $flags -c sqlite3.c -o sqlite3.o
		ar rcs libsqlite3.a sqlite3.o
		rm sqlite3.c sqlite3.o
	)
	mv "$part" "$folder"
	trap - EXIT
}

[ -f "$folder/libsqlite3.a" ] || build
[ $# -gt 0 ] || exit 0
export CGO_CFLAGS="${CGO_CFLAGS:--O2 -g} -I$folder" CGO_LDFLAGS="${CGO_LDFLAGS:-} -L$folder -lm"
GOFLAGS="${GOFLAGS:+${GOFLAGS//-tags=$TAGS/} }-tags=$TAGS,libsqlite3" exec "$@"
