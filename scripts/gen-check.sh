#!/usr/bin/env bash
# Fails if the generated files in the tree are not what their sources make today. Works on a copy of the tree,
# uncommitted changes included, and never writes into the tree itself.
# With DOORSTEP_CHECK=all (CI) a missing buf is a failure; else the part that needs it is named and left out.
source "$(dirname "$0")/env.sh"

flags=()
if ! reason=$(scripts/need-buf.sh 2>&1 >/dev/null); then
	[ "${DOORSTEP_CHECK:-}" != all ] || die "$reason"
	echo "NOTE: the wire types were not generated anew and compared; CI does that. $reason"
	flags=(--no-buf)
fi

copy=.task/gen-check # always the same place, so that Go's build cache knows it; one check at a time
mkdir -p .task
if command -v flock >/dev/null; then
	exec 9>.task/gen-check.lock
	flock 9
fi
rm -rf "$copy" && mkdir -p "$copy/before"
list_files | tar --create --null --files-from=- --file=- | tar --extract --directory="$copy/before" --file=-
cp -a "$copy/before" "$copy/after"

scripts/gen.sh --into "$PWD/$copy/after" ${flags[@]+"${flags[@]}"}
if ! diff --recursive --unified=1 "$copy/before" "$copy/after" >"$copy/diff"; then
	head -n 60 "$copy/diff" >&2
	die "Generated files are not what their sources make; run './scripts/task gen' and commit what it changes."
fi
rm -rf "$copy"
