#!/usr/bin/env bash
# The proofs too long or too rough for 'test': power cuts on disk images, kill -9 by the thousand, worlds by the thousand.
# Whatever happens, it ends with a table of what was reached.
source "$(dirname "$0")/env.sh"

[ "$(id -u)" = 0 ] || die "prove needs root: it makes file system images, mounts them and cuts their power. Run it in a container or a virtual machine, as root."
scripts/need-sqlite3.sh
for tool in mkfs.ext4 mount umount; do
	command -v "$tool" >/dev/null || die "prove needs '$tool': install the Debian packages e2fsprogs and mount."
done

DOORSTEP_FIGURES=$(mktemp)
export DOORSTEP_FIGURES
table() {
	local code=$?
	say "what was reached"
	go run -tags "$TAGS" ./scripts/prove/table "$DOORSTEP_FIGURES" || code=1
	rm -f "$DOORSTEP_FIGURES"
	exit "$code"
}
trap table EXIT
note() { printf '%s\t%s\n' "$1" "$2" >>"$DOORSTEP_FIGURES"; }

say "simulated worlds that no test has seen"
go build -tags "$TAGS" -o bin/sim ./scripts/sim
bin/sim -first 5001 -seeds 1500
bin/sim -rewound -first 5001 -seeds 1500
bin/sim -versions -first 5001 -seeds 1500
bin/sim -years -first 1 -seeds 30
for kind in "" -rewound -versions; do bin/sim $kind -replay -first 7001 -seeds 8; done
bin/sim -years -replay -first 7001 -seeds 1

say "fuzzing"
scripts/fuzz.sh 5100000 # some stop a few short

say "the disk dies under a stream: TestStreamLoss"
scripts/litestream.sh --build
export DOORSTEP_LITESTREAM=$PWD/bin/litestream
timeout 180 go test -tags "$TAGS,prove" -count=1 -v -run '^TestStreamLoss$' ./server/cmd/doorstepd

say "damaged replicas: flipped and zeroed pages"
DOORSTEP_TRIALS=200 go test -tags "$TAGS" -count=1 -timeout 15m -v -run '^TestBitFlipInFile$' ./clients/device
note 200 "damaged replica files"
say "bad inputs: devices, people and files that hand in what may not be"
go test -tags "$TAGS" -count=1 -timeout 10m -v -run '^TestBadInputs$' ./scripts/badinput | grep -E '^(---|ok|FAIL)|cases in'
say "replicas that are encrypted as a whole: every test of the device on such ones, and their own"
DOORSTEP_TEST_CIPHER=1 scripts/ciphers.sh go test -count=1 -timeout 20m ./clients/device
scripts/ciphers.sh go test -count=1 -timeout 5m -run Encrypted ./clients/cli
say "go test, tag prove"
go test -tags "$TAGS,prove" -count=1 -timeout 60m -v "$@" ./scripts/prove/...
