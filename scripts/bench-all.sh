#!/usr/bin/env bash
# Runs every benchmark of the module and no test.
source "$(dirname "$0")/env.sh"

exec go test -tags "$TAGS" -run '^$' -bench . -benchmem "$@" ./...
