#!/usr/bin/env bash
# Fuzzing: each target, so many executions in all: ./scripts/task fuzz -- 5000000
# Fails with the path of the input for each target that found one. Such an input stands under testdata/fuzz and is
# committed with the mending: from then on it is part of every test.
# Executions are counted rather than seconds: what is shown does not depend on the machine, and Go up to 1.26 may fail at
# the end of a time with "context deadline exceeded" and nothing else (golang/go issue 75804).
source "$(dirname "$0")/env.sh"

all=${1:-5000000}
[[ $all =~ ^[0-9]+$ && $all -ge 10000 ]] || die "say how many executions, from 10000: ./scripts/task fuzz -- 5000000"

# package, target, its share: more where an execution is cheap, so that none takes much longer than the others
targets='
syncengine/wire FuzzBinary 250
syncengine/wire FuzzJSON 200
syncengine/wire FuzzUnpack 250
syncengine/wire FuzzColumns 200
syncengine/wire FuzzChangeset 300
syncengine FuzzCommit 200
syncengine/session FuzzCentre 450
syncengine/simtest FuzzReplica 50
syncengine/hlc FuzzClock 500
schema FuzzValue 350
schema/load FuzzLoad 2
schema/seal FuzzOpen 400
clients/trust FuzzTrust 400
clients/cli FuzzBase 10
server/auth FuzzToken 150
server/auth FuzzCredentials 300
server/auth FuzzKeys 500
server/seals FuzzSeals 600
server/directory FuzzOrgCSV 450
server/directory FuzzAccountCSV 450
server/store FuzzCodec 250
server/cmd/doorstepd FuzzConfig 10
clients/device FuzzDecodeChangeset 60
clients/device FuzzDecodeOthers 60
'
shares=$(awk '{ n += $3 } END { print n }' <<<"$targets")
found=$(mktemp -d)
trap 'rm -rf "$found"' EXIT

# What guides fuzzing is coverage of our packages and of what reads for them. 'go test -fuzz' counts in everything that is
# linked in, the fuzzer too: clearing and comparing those counters took nine tenths of the time, and SQLite was compiled
# once more. So binaries are compiled as it does, but with counters where they tell of an input.
module=$(go list -m)
readers='encoding/csv go.yaml.in/yaml/v3 github.com/golang-jwt/jwt/v5 github.com/klauspost/compress/zstd
google.golang.org/protobuf/encoding/protowire google.golang.org/protobuf/encoding/protojson google.golang.org/protobuf/internal/encoding/json'
# Beside them, for some: all that imports these is compiled again, with the first two the fuzzer itself.
beside='
server/auth encoding/json
server/seals encoding/json
clients/trust net/url
'
# compile COUNTED PACKAGE...: the binaries of these, with counters in those as well
compile() {
	local of flags=("-gcflags=$module/...=-d=libfuzzer")
	for of in $readers $1; do
		flags+=("-gcflags=$of=-d=libfuzzer")
	done
	shift
	go test -c -tags "$TAGS" "${flags[@]}" -o "$found/" "${@/#/./}"
}
mapfile -t packages < <(awk 'NF { print $1 }' <<<"$targets" | sort -u)
mapfile -t deps < <(go list -tags "$TAGS" -deps -test "${packages[@]/#/./}")
for of in $readers $(awk '{ print $2 }' <<<"$beside"); do
	grep -qxF "$of" <<<"$(printf '%s\n' "${deps[@]}")" || die "no fuzz target reads with $of any more: take it out of scripts/fuzz.sh, or name what it reads with instead."
done
for of in '' $(awk '{ print $2 }' <<<"$beside" | sort -u); do
	mapfile -t some < <(awk -v of="$of" 'NR == FNR { also[$1] = $2; next } NF && also[$1] == of { print $1 }' <(echo "$beside") <(printf '%s\n' "${packages[@]}"))
	compile "$of" "${some[@]}"
done
cache=$(go env GOCACHE)/fuzz/$module

# one PACKAGE TARGET EXECUTIONS: leaves how many there were in a file TARGET.n, and a file TARGET.crash if one found something
one() {
	local status=0 n log=$found/$2 began=$SECONDS
	(cd "$1" && "$found/${1##*/}.test" -test.run '^$' -test.fuzz "^$2\$" -test.fuzztime "$3x" -test.fuzzminimizetime 20x -test.parallel 1 \
		-test.timeout 40m -test.fuzzcachedir "$cache/$1") >"$log" 2>&1 || status=$?
	! grep -q 'was not built with coverage' "$log" || status=1
	n=$(sed -n 's/^fuzz: elapsed: .* execs: \([0-9]*\) .*/\1/p' "$log" | tail -1)
	echo "${n:-0}" >"$log.n"
	printf '%-22s %-20s %9d executions %5d s\n' "$1" "$2" "${n:-0}" "$((SECONDS - began))"
	[ "$status" != 0 ] || return 0
	touch "$log.crash"
	cat "$log"
	sed -n "s|.*Failing input written to |$2 fails with the input $1/|p" "$log" >&2
}

# As many targets at a time as there are processors, each with one worker.
at=$(nproc) running=0
while read -r package target share; do
	[ -n "$package" ] || continue
	if [ "$running" -ge "$at" ]; then
		wait -n
		running=$((running - 1))
	fi
	one "$package" "$target" "$(((all * share + shares - 1) / shares))" &
	running=$((running + 1))
done <<<"$targets"
wait

total=$(cat "$found"/*.n | awk '{ n += $1 } END { print n + 0 }')
crashes=$(find "$found" -name '*.crash' | wc -l)
printf '%d executions, %d targets with a crash or a broken property\n' "$total" "$crashes"
if [ -n "${DOORSTEP_FIGURES:-}" ]; then
	printf '%d\tfuzz executions\n%d\tcrashes found by fuzzing\n' "$total" "$crashes" >>"$DOORSTEP_FIGURES"
fi
[ "$crashes" = 0 ]
