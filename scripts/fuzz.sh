#!/usr/bin/env bash
# Fuzzing: each target in turn, for its part of so many seconds: ./scripts/task fuzz -- 300
# Ends with the number of executions; fails with the path of the input for each target that found one. Such an input
# stands under testdata/fuzz and is committed with the mending: from then on it is part of every test.
source "$(dirname "$0")/env.sh"

seconds=${1:-300}
[[ $seconds =~ ^[0-9]+$ && $seconds -ge 10 ]] || die "say for how many seconds, from 10: ./scripts/task fuzz -- 300"

# package, target, its share of the time
targets='
syncengine/wire FuzzBinary 15
syncengine/wire FuzzJSON 15
syncengine/wire FuzzUnpack 10
syncengine/wire FuzzChangeset 10
syncengine FuzzCommit 40
syncengine/session FuzzCentre 30
syncengine/simtest FuzzReplica 20
syncengine/hlc FuzzClock 10
schema FuzzValue 15
schema/load FuzzLoad 10
schema/seal FuzzOpen 10
clients/trust FuzzTrust 20
clients/cli FuzzBase 5
server/auth FuzzToken 15
server/auth FuzzCredentials 10
server/auth FuzzKeys 15
server/seals FuzzSeals 15
server/directory FuzzOrgCSV 20
server/directory FuzzAccountCSV 10
server/store FuzzCodec 10
server/cmd/doorstepd FuzzConfig 5
clients/device FuzzDecodeChangeset 5
clients/device FuzzDecodeOthers 5
'
shares=$(awk '{ n += $3 } END { print n }' <<<"$targets")
total=0 crashes=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# one PACKAGE TARGET SECONDS
one() {
	local status=0 n
	go test -tags "$TAGS" -run '^$' -fuzz "^$2\$" -fuzztime "$3s" -fuzzminimizetime 20x -timeout "$((120 + $3))s" "./$1" >"$log" 2>&1 || status=$?
	n=$(sed -n 's/^fuzz: elapsed: .* execs: \([0-9]*\) .*/\1/p' "$log" | tail -1)
	total=$((total + ${n:-0}))
	printf '%-22s %-20s %4d s %9d executions %7d/s\n' "$1" "$2" "$3" "${n:-0}" "$((${n:-0} / $3))"
	# Go may say at the end of the time that the time is over, and nothing else: golang/go issue 75804.
	if [ "$status" = 0 ] || { [ -n "$n" ] && ! grep -Eq 'Failing input|panic|fuzz_test|_test\.go:|hung or terminated' "$log" && grep -q 'context deadline exceeded' "$log"; }; then
		return
	fi
	crashes=$((crashes + 1))
	cat "$log"
	sed -n "s|.*Failing input written to |$2 fails with the input $1/|p" "$log" >&2
}

while read -r package target share; do
	[ -z "$package" ] || one "$package" "$target" "$((seconds * share / shares > 0 ? seconds * share / shares : 1))"
done <<<"$targets"

printf '%d executions, %d targets with a crash or a broken property\n' "$total" "$crashes"
if [ -n "${DOORSTEP_FIGURES:-}" ]; then
	printf '%d\tfuzz executions\n%d\tcrashes found by fuzzing\n' "$total" "$crashes" >>"$DOORSTEP_FIGURES"
fi
[ "$crashes" = 0 ]
