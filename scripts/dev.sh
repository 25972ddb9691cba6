#!/usr/bin/env bash
# Builds bin/ from the working tree and plays the demo, which leaves its centre and replicas there to work with.
source "$(dirname "$0")/env.sh"

scripts/build.sh
exec scripts/demo.sh "$@"
