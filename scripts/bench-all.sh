#!/usr/bin/env bash
# Runs every benchmark of the module and no test; BenchmarkGrow makes a county that others measure (bench:grow).
source "$(dirname "$0")/env.sh"

exec go test -tags "$TAGS" -run '^$' -bench . -skip '^BenchmarkGrow$' -benchmem "$@" ./...
