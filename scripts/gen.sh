#!/usr/bin/env bash
# Makes the generated files anew: the wire types from syncengine/wire by buf, and what go:generate lines ask for.
#
#   scripts/gen.sh                all of it, in this working tree (needs buf)
#   scripts/gen.sh --into DIR     the same in a copy of the tree; buf itself comes from here
#   scripts/gen.sh --no-buf ...   only what needs no buf
source "$(dirname "$0")/env.sh"

into=$PWD buf=
while [ $# -gt 0 ]; do
	case $1 in
	--into) into=${2:?--into needs a folder}; shift 2 ;;
	--no-buf) buf=none; shift ;;
	*) die "gen: unknown argument '$1'; it takes --into DIR and --no-buf." ;;
	esac
done

if [ "$buf" != none ]; then
	buf=$(scripts/need-buf.sh)
	cd "$into" || exit
	if [ -n "$(find syncengine/wire -name '*.proto' -print -quit 2>/dev/null)" ]; then
		"$buf" lint . --config scripts/gen/buf.yaml
		"$buf" generate . --config scripts/gen/buf.yaml --template scripts/gen/buf.gen.yaml
	fi
fi

cd "$into" || exit
go generate -tags "$TAGS" ./...
