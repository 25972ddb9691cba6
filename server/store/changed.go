package store

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/doorstep-sync/doorstep/syncengine"
)

// Each listener runs these after each commit of its county: see conn.go for the CASTs.
const (
	movedQuery = `SELECT seq, tbl, id, door, author FROM move WHERE county = CAST($1 AS INTEGER) AND scope = CAST($2 AS TEXT)
	AND (seq, tbl, id, door) > (CAST($3 AS INTEGER), CAST($4 AS TEXT), CAST($5 AS TEXT), CAST($6 AS TEXT)) ORDER BY seq, tbl, id, door LIMIT CAST($7 AS INTEGER)`
	deadQuery = `SELECT seq, tbl, id FROM dead WHERE county = CAST($1 AS INTEGER) AND scope = CAST($2 AS TEXT)
	AND (seq, tbl, id) > (CAST($3 AS INTEGER), CAST($4 AS TEXT), CAST($5 AS TEXT)) ORDER BY seq, tbl, id LIMIT CAST($6 AS INTEGER)`
	movesQuery = `SELECT seq, scope, door, author FROM move WHERE county = CAST($1 AS INTEGER) AND tbl = CAST($2 AS TEXT) AND id = CAST($3 AS TEXT) AND seq > CAST($4 AS INTEGER) ORDER BY seq, scope, door`
)

// Changed implements syncengine.ReadTx. Keys are read first, from indexes alone, of every record type up to the
// limit; then the bodies of those that made it. No feed table is written beside the rows: most commits are read by
// few replicas, and a table of its own would cost every merge a second write.
func (t *readTx) Changed(scope string, after syncengine.Position, limit int) ([]syncengine.Item, error) {
	if limit <= 0 {
		return nil, nil
	}
	items, err := t.movedItems(scope, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read moves of scope: %w", err)
	}
	dead, err := t.deadItems(scope, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read dead ids of scope: %w", err)
	}
	items = append(items, dead...)
	for i, def := range t.s.schema.Tables {
		rows, err := t.rowItems(scope, i, def.Name, after, limit)
		if err != nil {
			return nil, fmt.Errorf("read rows of scope: %w", err)
		}
		items = append(items, rows...)
	}
	slices.SortFunc(items, func(a, b syncengine.Item) int {
		return cmp.Or(cmp.Compare(a.Seq, b.Seq), strings.Compare(a.Key, b.Key))
	})
	items = items[:min(limit, len(items))]
	return t.bodies(scope, after, items)
}

// startOf turns a position into the place from which to read what has keys with a prefix: after (seq, rest of key).
func startOf(prefix string, p syncengine.Position) (seq int64, rest string) {
	switch {
	case p.Key == "":
		return afterSeq(p.Seq)
	case strings.HasPrefix(p.Key, prefix):
		return p.Seq, p.Key[len(prefix):]
	case p.Key < prefix:
		return p.Seq, "" // all of that seq is still to come
	}
	return afterSeq(p.Seq)
}

// afterSeq is the place behind everything at a seq. Ids are not empty, so nothing is at (seq+1, "") itself.
func afterSeq(seq int64) (int64, string) {
	if seq == math.MaxInt64 {
		return seq, "\U0010ffff"
	}
	return seq + 1, ""
}

// parts splits the rest of a key, as startOf gives it, at its slashes.
func parts(rest string) (tbl, id, door string) {
	tbl, rest, _ = strings.Cut(rest, "/")
	id, door, _ = strings.Cut(rest, "/")
	return tbl, id, door
}

func (t *readTx) movedItems(scope string, after syncengine.Position, limit int) ([]syncengine.Item, error) {
	seq, rest := startOf("0/", after)
	tbl, id, door := parts(rest)
	return t.feed(scope, feedMoves, after, seq, limit, func(r row) syncengine.Item {
		return syncengine.MoveItem(&syncengine.Move{
			Seq: r.int(0), Table: r.str(1), ID: syncengine.RowID(r.str(2)), Scope: scope, Door: r.str(3), Author: r.str(4),
		})
	}, movedQuery, t.s.county, scope, seq, tbl, id, door, int64(limit))
}

func (t *readTx) deadItems(scope string, after syncengine.Position, limit int) ([]syncengine.Item, error) {
	seq, rest := startOf("1/", after)
	tbl, id, _ := parts(rest)
	return t.feed(scope, feedDead, after, seq, limit, func(r row) syncengine.Item {
		return syncengine.DeadItem(&syncengine.Dead{Seq: r.int(0), Table: r.str(1), ID: syncengine.RowID(r.str(2))})
	}, deadQuery, t.s.county, scope, seq, tbl, id, int64(limit))
}

// rowItems are the rows of the i-th record type, without their bodies.
func (t *readTx) rowItems(scope string, i int, table string, after syncengine.Position, limit int) ([]syncengine.Item, error) {
	tb := t.s.tables[table]
	seq, id := startOf(tb.keyPrefix, after)
	return t.feed(scope, feedRows+i, after, seq, limit, func(r row) syncengine.Item {
		rid := syncengine.RowID(r.str(1))
		return syncengine.Item{Seq: r.int(0), Key: tb.keyPrefix + string(rid), Row: &syncengine.Row{Table: table, ID: rid}}
	}, tb.feedKeys, t.s.county, scope, seq, id, int64(limit))
}

// bodies fills in the rows and dead rows of items, one statement for each record type that has any.
func (t *readTx) bodies(scope string, after syncengine.Position, items []syncengine.Item) ([]syncengine.Item, error) {
	count := map[string]int64{}
	for i := range items {
		if d := items[i].Dead; d != nil {
			full, err := t.Dead(d.Table, d.ID)
			if err != nil {
				return nil, err
			}
			items[i].Dead = full
		}
		if items[i].Row != nil {
			count[items[i].Row.Table]++
		}
	}
	for _, def := range t.s.schema.Tables {
		tb, n := t.s.tables[def.Name], count[def.Name]
		if n == 0 {
			continue
		}
		seq, id := startOf(tb.keyPrefix, after)
		at := 0
		err := t.query(func(r row) error {
			full, err := tb.row(r)
			if err != nil {
				return err
			}
			for items[at].Row == nil || items[at].Row.Table != def.Name { // same order as the keys were read in
				at++
			}
			items[at].Row = full
			at++
			return nil
		}, tb.feedRows, t.s.county, scope, seq, id, n)
		if err != nil {
			return nil, fmt.Errorf("read rows of scope: %w", err)
		}
	}
	return items, nil
}

// Moves implements syncengine.ReadTx.
func (t *readTx) Moves(table string, id syncengine.RowID, after int64) (out []syncengine.Move, err error) {
	err = t.query(func(r row) error {
		out = append(out, syncengine.Move{Table: table, ID: id, Seq: r.int(0), Scope: r.str(1), Door: r.str(2), Author: r.str(3)})
		return nil
	}, movesQuery,
		t.s.county, table, string(id), after)
	return out, err
}

// Places implements syncengine.ReadTx.
func (t *readTx) Places(table string, id syncengine.RowID) (out []syncengine.Move, from int64, err error) {
	if _, err = t.one(func(r row) error { from = r.int(0); return nil }, `SELECT places_from FROM county WHERE id = $1`, t.s.county); err != nil {
		return nil, 0, err
	}
	err = t.query(func(r row) error {
		out = append(out, syncengine.Move{Table: table, ID: id, Seq: r.int(0), Scope: r.str(1), Door: r.str(2), Author: r.str(3)})
		return nil
	}, `SELECT seq, scope, door, author FROM moved WHERE county = $1 AND tbl = $2 AND id = $3
		UNION ALL SELECT seq, scope, door, author FROM move WHERE county = $4 AND tbl = $5 AND id = $6 ORDER BY seq, scope, door`,
		t.s.county, table, string(id), t.s.county, table, string(id))
	return out, from, err
}

// PutMove implements syncengine.Tx.
func (t *tx) PutMove(m syncengine.Move) error {
	t.writes(m.Scope, feedMoves, m.Seq)
	return t.exec(`INSERT INTO move (county, tbl, id, seq, scope, door, author) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (county, tbl, id, seq, scope, door) DO UPDATE SET author = excluded.author`,
		t.s.county, m.Table, string(m.ID), m.Seq, m.Scope, m.Door, m.Author)
}
