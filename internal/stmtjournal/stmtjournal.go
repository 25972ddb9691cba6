// Package stmtjournal keeps SQLite's statement journals in memory. Whoever opens a database imports it.
//
// SQLite copies each page that a savepoint, or a statement that fires triggers, is about to change, so that it can undo
// that part alone. As shipped these copies go to a temporary file once there are more than 64 KiB of them, and stay there
// for all that follows in the transaction: two system calls for each page of each row, a third of what writing a captured
// row cost, and records of people in a folder that is not ours.
package stmtjournal

// extern int sqlite3_config(int, ...);
// static int spill(int bytes) { return sqlite3_config(26 /* SQLITE_CONFIG_STMTJRNL_SPILL */, bytes); }
import "C"

import _ "github.com/mattn/go-sqlite3" // which brings SQLite

// never lets a journal grow in memory, page by page: it has at most the pages that one changeset changes, and is let go with
// it. A bound would be taken in one piece when each begins, which was measured to cost more than the file.
const never = -1

// SQLite takes settings only before the first database is opened, so this has to be done when the program starts.
var refused = C.spill(never) != 0
