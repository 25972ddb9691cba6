#!/usr/bin/env bash
# Builds both programs into bin/, with the version that git describes.
source "$(dirname "$0")/env.sh"

version=$(git describe --tags --always --dirty 2>/dev/null || echo unknown)
mkdir -p bin
go build -tags "$TAGS" -ldflags "-X main.version=$version" -o bin/ "$@" ./server/cmd/doorstepd ./clients/cmd/doorstep
echo "built bin/doorstepd and bin/doorstep, version $version"
