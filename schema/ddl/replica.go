package ddl

import (
	"slices"
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
)

// The engine's two tables that the triggers read and write. DESIGN.md documents their columns.
const (
	ControlTable = "ds_control"
	CaptureTable = "ds_capture"
)

// prefix marks everything generated that is not a table, so that an upgrade finds it again. The colon keeps a record
// type a_b with a cell c apart from a record type a with a cell b_c.
const prefix = "ds:"

// Replica gives the statements that make an empty SQLite database a replica. They may be run again on a database that
// was made by them from the same schema; for one of an older schema use ReplicaUpgrade.
func Replica(s *schema.Schema) []string { return ReplicaUpgrade(s, Existing{}) }

// ReplicaUpgrade gives the statements that bring a replica to this schema: missing tables and columns are added,
// indexes and all triggers made anew. Columns that the schema no longer has are left alone, and no longer captured.
// The statements belong in one transaction, after everything captured so far has been sealed.
func ReplicaUpgrade(s *schema.Schema, have Existing) []string {
	return slices.Concat(ReplicaTables(s, have), ReplicaTriggers(s))
}

// ReplicaTables is the first part of ReplicaUpgrade: old triggers go, tables, columns and indexes come. Whoever alters
// other tables of the file does it after this part: with each ALTER TABLE SQLite reads every trigger again, which takes
// longer than all else there is to do.
func ReplicaTables(s *schema.Schema, have Existing) []string {
	var out []string
	for _, name := range have.Triggers {
		if strings.HasPrefix(name, prefix) {
			out = append(out, "DROP TRIGGER IF EXISTS "+quote(name))
		}
	}
	out = append(out, control()...)
	if held, ok := have.Columns[ControlTable]; ok {
		out = append(out, addColumns(ControlTable, []column{{"readonly", "TEXT"}}, held)...)
	}
	for _, t := range s.Tables {
		cols := replicaColumns(t)
		if held, ok := have.Columns[t.Name]; ok {
			out = append(out, addColumns(t.Name, cols, held)...)
		} else {
			// Without rowid the id is the only uniqueness there is: in a rowid table INSERT OR REPLACE could give the
			// rowid of another row, which SQLite then deletes without telling any trigger.
			out = append(out, create(t.Name, cols, "", "STRICT, WITHOUT ROWID"))
		}
		for _, c := range t.Columns {
			if c.Type == schema.TypeRef || c.Name == schema.ColScope {
				out = append(out, "CREATE INDEX IF NOT EXISTS "+quote(prefix+t.Name+"."+c.Name)+" ON "+quote(t.Name)+"("+quote(c.Name)+")")
			}
		}
	}
	return out
}

// ReplicaTriggers is the second part of ReplicaUpgrade: every trigger.
func ReplicaTriggers(s *schema.Schema) []string {
	out := []string{guardControl()}
	for _, t := range s.Tables {
		out = append(out, triggers(s, t)...)
	}
	return out
}

// control makes ds_control with its one row, and ds_capture. Both are written from triggers, where the conflict clause
// of the outer statement overrides every other: INSERT OR IGNORE outside would turn a failed NOT NULL inside into
// silence. So ds_capture has no constraint at all, and the row of ds_control cannot be deleted.
func control() []string {
	return []string{
		`CREATE TABLE IF NOT EXISTS "ds_control"(
  "k" INTEGER PRIMARY KEY CHECK("k" = 1),
  "applying" INTEGER NOT NULL DEFAULT 0,
  "epoch" INTEGER NOT NULL DEFAULT 0,
  "cursor" INTEGER NOT NULL DEFAULT 0,
  "form_epoch" INTEGER,
  "form_cursor" INTEGER,
  "now" INTEGER,
  "device" TEXT,
  "readonly" TEXT
) STRICT`,
		`INSERT OR IGNORE INTO "ds_control"("k") VALUES(1)`,
		`CREATE TABLE IF NOT EXISTS "ds_capture"(
  "k" INTEGER PRIMARY KEY AUTOINCREMENT,
  "tbl" TEXT,
  "id" TEXT,
  "op" TEXT,
  "col" TEXT,
  "old",
  "new",
  "epoch" INTEGER,
  "base" INTEGER,
  "wall" INTEGER
)`,
	}
}

func guardControl() string {
	return dropCreate(prefix+"control", `BEFORE DELETE ON "ds_control"
BEGIN
  SELECT RAISE(ABORT, 'ds_control 只有一行，不能删除；请撤销此操作 / the one row of ds_control cannot be deleted; leave it alone');
END`)
}

func replicaColumns(t *schema.Table) []column {
	cols := make([]column, len(t.Columns))
	for i, c := range t.Columns {
		cols[i] = column{c.Name, storage(c)}
		if c.Name == schema.ColID {
			cols[i].spec = "TEXT PRIMARY KEY NOT NULL DEFAULT (" + newID + ")"
		}
	}
	return cols
}

// unixMS is the wall clock in milliseconds. round, because a julian day as a double is exact to 0.04 ms only.
const unixMS = `CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER)`

// newID is a UUIDv7 in pure SQL, so that any program can insert a row without an id.
const newID = `lower(printf('%08x-%04x-7%s-%s%s-%s', ` + unixMS + ` >> 16, ` + unixMS + ` & 65535, ` +
	`substr(hex(randomblob(2)), 2), substr('89ab', 1 + (random() & 3), 1), substr(hex(randomblob(2)), 2), hex(randomblob(6))))`

// dropCreate gives a trigger that replaces one of the same name. Two statements in one string would be refused by
// drivers that prepare one statement at a time, hence IF NOT EXISTS after an upgrade has dropped the old ones.
func dropCreate(name, body string) string {
	return "CREATE TRIGGER IF NOT EXISTS " + quote(name) + " " + body
}
