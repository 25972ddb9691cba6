#!/usr/bin/env bash
# Makes the county of ten million records that ./scripts/task bench measures growth with where it is there. It stays in the
# user's folder for caches (doorstep-bench/history-10000000, 11 GB), outside of the tree; remove it to have it made anew.
source "$(dirname "$0")/env.sh"

exec go test -tags "$TAGS" -run '^$' -bench '^BenchmarkGrow$' -benchtime 1x -timeout 3h ./scripts/bench/product
