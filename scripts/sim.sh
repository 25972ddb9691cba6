#!/usr/bin/env bash
# Simulated fleets on a bad network with bad clocks. '-seed N' replays one run bit for bit.
source "$(dirname "$0")/env.sh"

run_program ./scripts/sim "$@"
