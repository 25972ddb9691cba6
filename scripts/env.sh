# shellcheck shell=bash
# Sourced by every script: strict bash, the repository's root as current folder, and what they share.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The one tag set. Another set costs a new compile of SQLite's C file, so all scripts, editors and CI use this.
# shellcheck disable=SC2034
TAGS=sqlite_fts5

# say prints the headline of a step.
say() {
	printf '== %s\n' "$*"
}

# die prints a plain sentence and ends the script.
die() {
	printf '%s\n' "$*" >&2
	exit 1
}

# is_debian_root: may this script install Debian packages by itself?
is_debian_root() {
	[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null
}

# apt_install PACKAGE...: from the lists at hand if they have it, else after fetching new ones.
apt_install() {
	local try=(env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@")
	"${try[@]}" >/dev/null 2>&1 && return
	apt-get update -q >/dev/null && "${try[@]}" >/dev/null
}

# list_files [PATTERN...]: every file of the tree that is or could be committed, ended by NUL.
list_files() {
	git ls-files -z --cached --others --exclude-standard -- "$@" | while IFS= read -r -d '' file; do
		[ ! -f "$file" ] || printf '%s\0' "$file"
	done
}

# run_program PACKAGE ARGUMENT...: what 'go run' does, but with the program's own exit status and signals.
run_program() {
	local program=.task/bin/${1##*/}
	go build -tags "$TAGS" -o "$program" "$1"
	shift
	exec "$program" "$@"
}

# The toolchain that go.mod names has fixes that an older Go lacks. It is used also where Go is set to keep to its own, as
# Debian does; GOTOOLCHAIN=local in the environment is obeyed.
if [ -z "${GOTOOLCHAIN:-}" ] && command -v go >/dev/null; then
	GOTOOLCHAIN=auto
	if ! GOTOOLCHAIN=auto timeout 120 go version >/dev/null 2>&1; then
		GOTOOLCHAIN=local
		printf '%s\n' "$(sed -n 's/^toolchain //p' go.mod), which go.mod asks for, could not be fetched; going on with $(GOTOOLCHAIN=local go env GOVERSION)." >&2
	fi
	export GOTOOLCHAIN
fi
