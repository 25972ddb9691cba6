package device

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/ddl"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/hlc"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// salvaged is what could be read of a damaged replica.
type salvaged struct {
	id      Identity
	ctl     replica.Control
	stated  bool // the row of ds_state could be read
	links   links
	journal map[int64]map[string]any
	refused map[int64]map[string]any
	tables  map[string][]map[string]any // other engine's tables
	rows    map[replica.RowKey]map[string]any
	failed  []string
}

// copied are the engine's tables that go over row by row, with the order in which they are read.
var copied = map[string]string{
	"ds_inbox": "number", "ds_conflict_ref": "n, i", "ds_settled": "n", "ds_lost": "tbl, row", "ds_repaired": "k", "ds_check": "k",
	"ds_trust": "k", ddl.CaptureTable: "k",
}

// salvage reads what it can: through SQLite as far as that goes, and from the pages themselves.
func salvage(path string, opts Options) (*salvaged, error) {
	s := &salvaged{journal: map[int64]map[string]any{}, refused: map[int64]map[string]any{}, tables: map[string][]map[string]any{},
		rows: map[replica.RowKey]map[string]any{}}
	s.links = links{filed: map[int64]se.Hash{}, bodies: map[int64][]linked{}}
	if err := s.query(path, opts); err != nil {
		return nil, err
	}
	if err := carve(path, opts.Cipher, s.carved); err != nil {
		return nil, say(CodeDisk, err)
	}
	s.identify()
	if s.id.Device == "" {
		return nil, say(CodeNotReplica, nil)
	}
	s.links.device = s.id.Device
	s.links.newest(s.ctl.LastN, s.ctl.Hash)
	if s.links.acked = min(s.ctl.Acked, s.links.last); !s.stated {
		for n := range s.links.filed {
			if n <= s.links.last {
				s.links.acked = max(s.links.acked, n)
			}
		}
	}
	return s, nil
}

// query reads the tables one by one; what fails in one hides no other.
func (s *salvaged) query(path string, opts Options) error {
	ctx := context.Background()
	db, err := connect(readingDSN(path, opts)+unchecked(opts), opts.Cipher)
	if err != nil {
		return fmt.Errorf("open damaged replica: %w", err)
	}
	defer db.Close()
	s.state(ctx, db)
	for _, row := range s.read(ctx, db, "ds_outbox", "n") {
		s.link(whole64(row["n"]), bytesOf(row["hash"]), bytesOf(row["body"]), true)
	}
	for _, row := range s.read(ctx, db, "ds_journal", "n") {
		s.file(row)
	}
	for _, row := range s.read(ctx, db, "ds_quarantine", "n") {
		s.refuse(row)
	}
	for table, order := range copied {
		s.tables[table] = s.read(ctx, db, table, order)
	}
	for _, c := range s.tables[ddl.CaptureTable] {
		s.touched(ctx, db, opts.Schema, c)
	}
	slices.Sort(s.failed)
	s.failed = slices.Compact(s.failed)
	return nil
}

// readingDSN opens a file without changing it: not even the write-ahead log goes into it.
func readingDSN(path string, opts Options) string {
	q := strings.Replace(dsn(path, opts, true), "mode=rw", "mode=ro", 1)
	return strings.Replace(q, "_journal=WAL&", "", 1)
}

// unchecked lets SQLite read pages of an encrypted file whose tag does not fit: without it one bit costs a whole page.
func unchecked(opts Options) string {
	if opts.Cipher == nil {
		return ""
	}
	return "&hmac_check=0"
}

// state reads the control rows, as one if that is possible.
func (s *salvaged) state(ctx context.Context, db *sql.DB) {
	c, err := readControl(ctx, db)
	if err != nil {
		s.failed = append(s.failed, "ds_state")
		return
	}
	if err := db.QueryRowContext(ctx, `SELECT centre FROM ds_state`).Scan(&s.id.Centre); err != nil {
		s.failed = append(s.failed, "ds_state")
	}
	s.ctl, s.stated = c, true
}

// read gives the rows of a table from its beginning to where it cannot be read, and from its end back to there.
func (s *salvaged) read(ctx context.Context, db *sql.DB, table, order string) (out []map[string]any) {
	for _, by := range []string{order, strings.ReplaceAll(order, ",", " DESC,") + " DESC"} {
		list, err := readAll(ctx, db, "SELECT * FROM "+table+" ORDER BY "+by)
		out = append(out, list...)
		if err == nil {
			return out
		}
		s.failed = append(s.failed, table)
	}
	return out
}

// mostRows bounds what a tree that leads back into itself makes of a table.
const mostRows = 1_000_000

func readAll(ctx context.Context, db *sql.DB, query string, args ...any) (out []map[string]any, err error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() && len(out) < mostRows {
		cols := make([]any, len(names))
		dest := make([]any, len(names))
		for i := range cols {
			dest[i] = &cols[i]
		}
		if err := rows.Scan(dest...); err != nil {
			return out, err
		}
		row := map[string]any{}
		for i, n := range names {
			row[n] = cols[i]
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

// touched reads the row that a line of the capture log is about: what was inserted stands only there.
func (s *salvaged) touched(ctx context.Context, db *sql.DB, known *schema.Schema, c map[string]any) {
	k := replica.RowKey{Table: text(c["tbl"]), Row: se.RowID(text(c["id"]))}
	if _, done := s.rows[k]; done || known.Table(k.Table) == nil {
		return
	}
	list, err := readAll(ctx, db, "SELECT * FROM "+quote(k.Table)+` WHERE "id" = ?`, string(k.Row))
	if err != nil {
		s.failed = append(s.failed, k.Table)
		return // its lines stay behind
	}
	s.rows[k] = nil
	if len(list) == 1 {
		s.rows[k] = list[0]
	}
}

// carved takes a row of a page for what its form says it is.
func (s *salvaged) carved(rowid int64, c []any) {
	switch {
	case len(c) == 4 && len(bytesOf(c[1])) == len(se.Hash{}) && isNumber(c[2]):
		s.link(rowid, bytesOf(c[1]), bytesOf(c[3]), true)
	case len(c) == 4 && isNumber(c[2]) && isNumber(c[3]):
		s.refuse(map[string]any{"n": rowid, "body": c[1], "filed": c[2], "handled": c[3]})
	case (len(c) == 12 || len(c) == 13) && len(bytesOf(c[1])) == len(se.Hash{}): // 12 before verdicts had a time
		row := map[string]any{"n": rowid}
		if len(c) == 13 && isNumber(c[12]) {
			row["filed"] = c[12]
		}
		for i, name := range []string{"hash", "kind", "epoch", "seq", "code", "tbl", "row", "col", "rule", "current", "body"} {
			row[name] = c[i+1]
		}
		s.file(row)
	case rowid == 1 && len(c) >= 19 && !s.stated && strings.HasPrefix(text(c[2]), "http") && len(bytesOf(c[7])) == len(se.Hash{}):
		s.stated, s.id.Centre = true, text(c[2])
		s.ctl.Account, s.ctl.HLC, s.ctl.LastN, s.ctl.Acked = text(c[1]), hlc.Timestamp(whole64(c[5])), whole64(c[6]), whole64(c[8])
		copy(s.ctl.Hash[:], bytesOf(c[7]))
	case rowid == 1 && len(c) >= 8 && len(c) < 19 && s.ctl.Device == "" && schema.IsUUID(text(c[7])):
		s.ctl.Device = text(c[7])
	case rowid == 1 && len(c) == 3 && len(s.tables["ds_trust"]) == 0 && isNumber(c[2]) && json.Valid([]byte(text(c[1]))) && strings.HasPrefix(text(c[1]), "["):
		s.tables["ds_trust"] = []map[string]any{{"k": int64(1), "pins": c[1], "plain": c[2]}}
	}
}

// link keeps a changeset that can be decoded.
func (s *salvaged) link(n int64, hash, body []byte, queued bool) {
	cs, err := decodeChangeset(body)
	if err != nil || cs.N != n || n < 1 {
		return
	}
	x := linked{cs: cs, hash: cs.Hash(), queued: queued}
	x.sound = string(x.hash[:]) == string(hash)
	s.links.bodies[n] = append(s.links.bodies[n], x)
}

// file keeps a verdict. What SQLite gave comes first; what a page gives besides may be older.
func (s *salvaged) file(row map[string]any) {
	n, kind, hash := whole64(row["n"]), whole64(row["kind"]), bytesOf(row["hash"])
	if n < 1 || kind < int64(se.Accepted) || kind > int64(se.Parked) || len(hash) != len(se.Hash{}) {
		return
	}
	if body := bytesOf(row["body"]); len(body) > 0 {
		s.link(n, hash, body, false)
	}
	if _, known := s.journal[n]; !known {
		s.journal[n], s.links.filed[n] = row, se.Hash(hash)
	}
}

func (s *salvaged) refuse(row map[string]any) {
	n := whole64(row["n"])
	cs, err := decodeChangeset(bytesOf(row["body"]))
	if _, known := s.refused[n]; known || n < 1 || err != nil || cs.N != n {
		return
	}
	s.refused[n] = row
	h := cs.Hash()
	s.links.bodies[n] = append(s.links.bodies[n], linked{cs: cs, hash: h})
}

// identify says whose replica it was: what its changesets say, of which the hash vouches, before what a column says.
func (s *salvaged) identify() {
	s.id.Device, s.id.Account = s.ctl.Device, s.ctl.Account
	newest := int64(0)
	for n, list := range s.links.bodies {
		for _, b := range list {
			if b.sound && b.queued && n > newest {
				newest, s.id.Device = n, b.cs.Device
				if b.cs.Author != "" {
					s.id.Account = b.cs.Author
				}
			}
		}
	}
	if newest > 0 {
		return
	}
	for n, list := range s.links.bodies {
		for _, b := range list {
			if b.sound && n > newest && (s.id.Device == "" || !schema.IsUUID(s.id.Device) || s.id.Account == "") && b.cs.Author != "" {
				newest, s.id.Device, s.id.Account = n, b.cs.Device, b.cs.Author
			}
		}
	}
	if !schema.IsUUID(s.id.Device) || s.id.Account == "" {
		s.id.Device = ""
	}
}

func isNumber(v any) bool { _, ok := v.(int64); return ok }

func whole64(v any) int64 { n, _ := v.(int64); return n }

func bytesOf(v any) []byte { b, _ := v.([]byte); return b }

func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	}
	return ""
}
