#!/usr/bin/env bash
# Everything a reader should not have to look for: format, vet, lint, and generated files that fit their sources.
source "$(dirname "$0")/env.sh"

say "format"
unformatted=$(list_files '*.go' | xargs -0 gofmt -l)
if [ -n "$unformatted" ]; then
	die "These files are not formatted; run 'gofmt -w' on them:"$'\n'"$unformatted"
fi

say "go vet"
# With the tag prove, so that the proofs are read as well.
go vet -tags "$TAGS,prove" ./...

say "lint"
lint=$(go tool -modfile=scripts/lint.mod -n golangci-lint)
"$lint" run --build-tags "$TAGS,prove" ./...

say "generated files"
scripts/gen-check.sh
