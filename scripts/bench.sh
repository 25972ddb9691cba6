#!/usr/bin/env bash
# Measures the product against the floors of this machine, in turns, and prints ratios with their spread. docs/benchmarks.md
# says what is measured. An idle machine, please.
#
#   ./scripts/task bench                                     everything, about half an hour
#   ./scripts/task bench -- -run '^Live$' -rounds 3          some of it
#   ./scripts/task bench -- -page docs/benchmarks.md -plot docs/benchmarks.svg
source "$(dirname "$0")/env.sh"

run_program ./scripts/bench/report "$@"
