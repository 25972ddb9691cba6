#!/usr/bin/env bash
# The proofs too long or too rough for 'test': power cuts on disk images, kill -9 by the thousand, worlds by the thousand.
# Whatever happens, it ends with a table of what was reached.
#
#   ./scripts/task prove                          all of them
#   ./scripts/task prove -- 'planted|mutants'     those parts whose names hold this; what they do not reach alone is no failure
#
# DOORSTEP_FIGURES names a file that figures are added to and that stays: a night's parts can be run one by one.
source "$(dirname "$0")/env.sh"

[ "$(id -u)" = 0 ] || die "prove needs root: it makes file system images, mounts them and cuts their power. Run it in a container or a virtual machine, as root."
scripts/need-sqlite3.sh
for tool in mkfs.ext4 mount umount ip; do
	command -v "$tool" >/dev/null || die "prove needs '$tool': install the Debian packages e2fsprogs, mount and iproute2."
done

only=${1:-}
kept=${DOORSTEP_FIGURES:-}
DOORSTEP_FIGURES=${kept:-$(mktemp)}
export DOORSTEP_FIGURES
note() { printf '%s\t%s\n' "$1" "$2" >>"$DOORSTEP_FIGURES"; }

# part NAME COMMAND...: whatever becomes of one part, the others are run too, so that one run tells of all that is wrong.
parts='' failed=''
part() {
	local name=$1 began=$SECONDS how=ok
	shift
	[[ $name =~ $only ]] || return 0
	say "$name"
	"$@" || {
		how=FAILED
		failed=1
	}
	parts+=$(printf '%7d s  %-6s  %s' $((SECONDS - began)) "$how" "$name")$'\n'
}
table() {
	local code=$?
	[ -n "$only" ] || note $((SECONDS / 60)) "minutes of the whole run"
	say "how long each part took"
	printf '%s' "$parts"
	say "what was reached"
	go run -tags "$TAGS" ./scripts/prove/table ${only:+-some} "$DOORSTEP_FIGURES" || code=1
	[ -n "$kept" ] || rm -f "$DOORSTEP_FIGURES"
	exit "$code"
}
trap table EXIT

# How much: what CI does in an hour, or what prove:long does in a night or two.
if [ -n "${DOORSTEP_LONG:-}" ]; then
	fleets=20000 small=100000 years=1100 again=340 executions=100000000 damaged=20000 patience=48h
	export DOORSTEP_KILLS=${DOORSTEP_KILLS:-50000} DOORSTEP_CUTS=${DOORSTEP_CUTS:-10000} DOORSTEP_SOAK=${DOORSTEP_SOAK:-8h}
else
	fleets=1000 small=1500 years=42 again=7 executions=5100000 damaged=200 patience=60m
fi

go build -tags "$TAGS" -o bin/sim ./scripts/sim
part "simulated worlds that no test has seen" bin/sim -first 5001 -seeds "$fleets"
part "worlds with restores, copies and holes" bin/sim -rewound -first 5001 -seeds "$small"
part "worlds of several versions" bin/sim -versions -first 5001 -seeds "$small"
part "years of phones" bin/sim -years -first 5001 -seeds "$years"
for kind in -first=1 -rewound -versions; do # the first are the ordinary ones
	part "worlds twice: $kind" bin/sim $kind -replay -seeds "$again"
done
part "a year twice" bin/sim -years -replay -seeds 1

part "fuzzing" scripts/fuzz.sh "$executions" # a few more than the goal: some targets stop a little short

encrypted() {
	DOORSTEP_TEST_CIPHER=1 scripts/ciphers.sh go test -count=1 -timeout 20m ./clients/device &&
		scripts/ciphers.sh go test -count=1 -timeout 5m -run Encrypted ./clients/cli
}
# The device's tests keep one processor busy, and so do most of those between their start and their end; they take longest.
encryption="replicas that are encrypted as a whole: the device's tests on such ones, and their own"
beside=$(mktemp) other=''
if [[ $encryption =~ $only ]]; then
	encrypted >"$beside" 2>&1 &
	other=$!
fi
part "five planted bugs, others for each commit" go run -tags "$TAGS" ./scripts/mutate -rotate 5 -salt "${PLANTED_SALT:-}"
if [ -n "${DOORSTEP_LONG:-}" ]; then
	part "all planted bugs" go run -tags "$TAGS" ./scripts/mutate -planted
	part "two hundred mutants" go run -tags "$TAGS" ./scripts/mutate -page docs/mutants.md
fi

stream() {
	scripts/litestream.sh --build &&
		DOORSTEP_LITESTREAM=$PWD/bin/litestream timeout 180 go test -tags "$TAGS,prove" -count=1 -v -run '^TestStreamLoss$' ./server/cmd/doorstepd
}
damaged() {
	DOORSTEP_TRIALS=$damaged go test -tags "$TAGS" -count=1 -timeout "$patience" -v -run '^TestBitFlipInFile$' ./clients/device
}
bad_inputs() {
	go test -tags "$TAGS" -count=1 -timeout 10m -v -run '^TestBadInputs$' ./scripts/badinput | grep -E '^(---|ok|FAIL)|cases in'
}
encrypted_ends() {
	local status=0
	wait "$other" || status=$?
	cat "$beside"
	rm -f "$beside"
	return "$status"
}
part "the disk dies under a stream: TestStreamLoss" stream
part "damaged replicas: flipped and zeroed pages" damaged
part "bad inputs: devices, people and files that hand in what may not be" bad_inputs
part "$encryption" encrypted_ends

# Kills keep both processors busy for longest; those beside them first wait much, then the failing disks take what is left.
export DOORSTEP_LITESTREAM=$PWD/bin/litestream
rough() {
	local first=(kill soak net hostile recover powercut iofault)
	[ -x "$DOORSTEP_LITESTREAM" ] || scripts/litestream.sh --build || return
	go test -tags "$TAGS,prove" -count=1 -timeout "$patience" -v "${first[@]/#/./scripts/prove/}" ./scripts/prove/...
}
part "go test, tag prove: kills, cuts, failing disks and networks, hostile clients" rough
[ -z "$failed" ] || exit 1
