#!/usr/bin/env bash
# Builds litestream into bin/ from scripts/litestream.mod, and follows a centre's data folder with it:
#
#   scripts/litestream.sh DATA FOLDER      copy each change of DATA/doorstep.db to FOLDER, on another disk
#   scripts/litestream.sh --build          only build
source "$(dirname "$0")/env.sh"

mkdir -p bin
GOFLAGS='' go build -modfile=scripts/litestream.mod -o bin/litestream github.com/benbjohnson/litestream/cmd/litestream
[ "${1:-}" != --build ] || exit 0
[ $# = 2 ] || die "litestream: give the centre's data folder and a folder on another disk."
DOORSTEP_DATA=$(realpath "$1") DOORSTEP_REPLICA_DIR=$(realpath -m "$2")
export DOORSTEP_DATA DOORSTEP_REPLICA_DIR
exec bin/litestream replicate -config deploy/litestream.yml
