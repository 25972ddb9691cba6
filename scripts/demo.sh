#!/usr/bin/env bash
# A morning in the field: centre, devices and all, in a temporary folder on this machine. Arguments go to the demo.
source "$(dirname "$0")/env.sh"

scripts/need-sqlite3.sh
scripts/build.sh
run_program ./scripts/demo "$@"
