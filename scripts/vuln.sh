#!/usr/bin/env bash
# Asks the Go vulnerability database which known advisories our code can be hit by. Needs a connection to vuln.go.dev, or a
# copy of the database in a folder:
#
#   scripts/vuln.sh                               every package of ours
#   scripts/vuln.sh -db file:///srv/vulndb        against a copy; arguments go to govulncheck
source "$(dirname "$0")/env.sh"

# Pinned in scripts/vuln.mod with its sums, so that a program that looks for holes brings none.
govulncheck=$(go tool -modfile=scripts/vuln.mod -n govulncheck) ||
	die "govulncheck could not be built: it takes a Go module proxy that has what scripts/vuln.mod names. Run this on a machine with a connection."
"$govulncheck" -tags "$TAGS,prove" -test "$@" ./... && exit
status=$?
[ "$status" = 3 ] || # 3 is govulncheck's word for "found something"
	die "The database was not asked. Without a connection give a copy of it: ./scripts/task vuln -- -db file:///FOLDER"
exit "$status"
