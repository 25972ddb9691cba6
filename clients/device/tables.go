package device

import (
	"slices"

	"github.com/doorstep-sync/doorstep/schema/ddl"
)

// format counts the layouts of the engine's own tables and blobs. A program refuses a file with a greater one.
const format = 2

// applicationID marks the file for tools ("file x.db") and for Open: "DOOR".
const applicationID = 0x444f4f52

// engineTables are the engine's own tables. Record types cannot take names that begin with ds_.
//
// ds_state      the rest of the control row; triggers need only ds_control, which schema/ddl makes
// ds_outbox     sealed changesets without a verdict: canonical bytes and their hash
// ds_journal    one line for every verdict, for ever; body is the accepted changeset, NULL for a refused one, empty for one
//
//	that was purged, or pruned: see pruneJournal
//
// ds_quarantine refused changesets, whole, until their person has dealt with them, and after
// ds_touched    which rows a changeset of the outbox or the quarantine changes
// ds_pending    changes whose overlay has not ended
// ds_under      the centre's row under pending changes
// ds_staged     items of an unfinished step, in order of arrival
// ds_lost       rows that this replica held and a restored centre's snapshot lacked, until they are back or offered
// ds_inbox      what the centre told this device
// ds_kept       what the centre shows and the replica's declarations do not know: cells of rows, whole rows
// ds_evolution  the rest of the control row that is about versions: see replica.Control
// ds_settled    how refused changesets ended at the centre: released, dismissed
// ds_notice     what the centre said about the connection last time, such as that the clock is wrong
// ds_became     which devices this replica became, because it was copied, put back or enrolled again, with their public keys
// ds_check      how checks against the centre ended, the newest fifty
// ds_repaired   rows that a repair changed, as they were and as they are: what somebody wrote past the triggers is here
const engineTables = `
CREATE TABLE IF NOT EXISTS ds_became(
  k INTEGER PRIMARY KEY AUTOINCREMENT,
  wall INTEGER NOT NULL,
  device TEXT NOT NULL,
  parent TEXT NOT NULL,
  fork INTEGER NOT NULL,
  public BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS ds_check(
  k INTEGER PRIMARY KEY AUTOINCREMENT,
  wall INTEGER NOT NULL,
  scopes INTEGER NOT NULL,
  repaired INTEGER NOT NULL,
  local INTEGER NOT NULL,
  unmended INTEGER NOT NULL,
  stopped INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS ds_repaired(
  k INTEGER PRIMARY KEY AUTOINCREMENT,
  wall INTEGER NOT NULL,
  tbl TEXT NOT NULL,
  row TEXT NOT NULL,
  local INTEGER NOT NULL,
  old BLOB,
  new BLOB
) STRICT;
CREATE TABLE IF NOT EXISTS ds_format(
  k INTEGER PRIMARY KEY CHECK(k = 1),
  format INTEGER NOT NULL,
  schema INTEGER NOT NULL,
  tables TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS ds_state(
  k INTEGER PRIMARY KEY CHECK(k = 1),
  account TEXT NOT NULL DEFAULT '',
  centre TEXT NOT NULL DEFAULT '',
  view TEXT NOT NULL DEFAULT '',
  schema INTEGER NOT NULL DEFAULT 0,
  hlc INTEGER NOT NULL DEFAULT 0,
  last_n INTEGER NOT NULL DEFAULT 0,
  hash BLOB,
  acked INTEGER NOT NULL DEFAULT 0,
  inbox INTEGER NOT NULL DEFAULT 0,
  grants TEXT NOT NULL DEFAULT '[]',
  live TEXT NOT NULL DEFAULT '[]',
  limits TEXT NOT NULL DEFAULT '{}',
  staged_view TEXT NOT NULL DEFAULT '',
  staged_reset INTEGER NOT NULL DEFAULT 0,
  staged_at TEXT NOT NULL DEFAULT '[]',
  lease TEXT NOT NULL DEFAULT '{}',
  leaving TEXT NOT NULL DEFAULT '{}',
  last_sync INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT OR IGNORE INTO ds_state(k) VALUES(1);
CREATE TABLE IF NOT EXISTS ds_outbox(
  n INTEGER PRIMARY KEY,
  hash BLOB NOT NULL,
  wall INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS ds_journal(
  n INTEGER PRIMARY KEY,
  hash BLOB NOT NULL,
  kind INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  code TEXT,
  tbl TEXT,
  row TEXT,
  col TEXT,
  rule TEXT,
  current BLOB,
  body BLOB
) STRICT;
CREATE TABLE IF NOT EXISTS ds_conflict_ref(
  n INTEGER NOT NULL,
  i INTEGER NOT NULL,
  id TEXT NOT NULL,
  kind TEXT NOT NULL,
  tbl TEXT NOT NULL,
  row TEXT NOT NULL,
  cell TEXT NOT NULL,
  PRIMARY KEY(n, i)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ds_quarantine(
  n INTEGER PRIMARY KEY,
  body BLOB NOT NULL,
  filed INTEGER NOT NULL,
  handled INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS ds_settled(
  n INTEGER PRIMARY KEY,
  outcome TEXT NOT NULL,
  reason TEXT NOT NULL,
  author TEXT NOT NULL,
  seq INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS ds_touched(
  tbl TEXT NOT NULL,
  row TEXT NOT NULL,
  n INTEGER NOT NULL,
  PRIMARY KEY(tbl, row, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS "ds:touched.n" ON ds_touched(n);
CREATE TABLE IF NOT EXISTS ds_pending(
  tbl TEXT NOT NULL,
  row TEXT NOT NULL,
  n INTEGER NOT NULL,
  change BLOB NOT NULL,
  PRIMARY KEY(tbl, row, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS "ds:pending.n" ON ds_pending(n);
CREATE TABLE IF NOT EXISTS ds_under(
  tbl TEXT NOT NULL,
  row TEXT NOT NULL,
  image BLOB NOT NULL,
  PRIMARY KEY(tbl, row)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ds_staged(
  arrival INTEGER PRIMARY KEY AUTOINCREMENT,
  scope TEXT NOT NULL,
  seq INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  tbl TEXT NOT NULL,
  row TEXT NOT NULL,
  item BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS ds_lost(
  tbl TEXT NOT NULL,
  row TEXT NOT NULL,
  scope TEXT NOT NULL,
  image BLOB NOT NULL,
  PRIMARY KEY(tbl, row)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ds_inbox(
  number INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  seq INTEGER NOT NULL,
  id TEXT NOT NULL,
  about TEXT NOT NULL,
  tbl TEXT NOT NULL,
  row TEXT NOT NULL,
  cell TEXT NOT NULL,
  author TEXT NOT NULL,
  choice TEXT NOT NULL,
  wall INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS ds_kept(
  tbl TEXT NOT NULL,
  row TEXT NOT NULL,
  cell TEXT NOT NULL,
  vals BLOB NOT NULL,
  PRIMARY KEY(tbl, row, cell)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ds_evolution(
  k INTEGER PRIMARY KEY CHECK(k = 1),
  keeps INTEGER NOT NULL DEFAULT 0,
  unseen TEXT NOT NULL DEFAULT '[]',
  minimum TEXT NOT NULL DEFAULT '{}',
  drain INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT OR IGNORE INTO ds_evolution(k) VALUES(1);
CREATE TABLE IF NOT EXISTS ds_notice(
  code TEXT PRIMARY KEY,
  text TEXT NOT NULL,
  wall INTEGER NOT NULL
) STRICT, WITHOUT ROWID;`

// engineColumns are columns of the engine's tables that replicas of earlier versions do not have yet.
var engineColumns = []struct{ table, column, spec string }{
	{"ds_state", "lease", "TEXT NOT NULL DEFAULT '{}'"},
	{"ds_state", "leaving", "TEXT NOT NULL DEFAULT '{}'"},
}

// newColumns gives the statements that add them.
func newColumns(have ddl.Existing) (out []string) {
	for _, c := range engineColumns {
		if held, ok := have.Columns[c.table]; ok && !slices.Contains(held, c.column) {
			out = append(out, "ALTER TABLE "+c.table+" ADD COLUMN "+c.column+" "+c.spec)
		}
	}
	return out
}
