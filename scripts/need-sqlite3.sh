#!/usr/bin/env bash
# Sees to it that the sqlite3 shell is there: tests and demo compare replicas with it, not with our own code.
source "$(dirname "$0")/env.sh"

if command -v sqlite3 >/dev/null; then
	exit 0
fi
if is_debian_root && apt_install sqlite3 && command -v sqlite3 >/dev/null; then
	echo "installed the Debian package sqlite3 (the SQLite shell)"
	exit 0
fi
die "The SQLite shell 'sqlite3' is missing. Install it and run this again: on Debian or Ubuntu 'sudo apt-get install sqlite3', on Fedora 'sudo dnf install sqlite', on Alpine 'apk add sqlite', on macOS it comes with the system."
