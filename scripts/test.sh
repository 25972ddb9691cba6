#!/usr/bin/env bash
# The whole test a person or CI runs before a change goes in: check, every Go test, the demo. No root needed.
source "$(dirname "$0")/env.sh"

scripts/need-sqlite3.sh
scripts/check.sh

say "go test"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
started=$SECONDS status=0
go test -tags "$TAGS" -timeout 9m "$@" ./... 2>&1 | tee "$log" || status=$?
awk -v seconds=$((SECONDS - started)) '
	$1 == "ok" { ok++ }
	$1 == "FAIL" && NF > 1 { failed++ }
	/^--- FAIL/ { tests++ }
	/\[no test files\]$/ { none++ }
	END { printf "go test: %d packages ok, %d failed (%d tests), %d without tests, in %d s\n", ok, failed, tests, none, seconds }
' "$log"
[ "$status" = 0 ] || exit "$status"

say "demo"
scripts/demo.sh --quiet-exit
