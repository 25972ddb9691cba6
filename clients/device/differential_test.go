package device_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	_ "github.com/mattn/go-sqlite3"
	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/hlc"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

const wall = 1_790_000_123_456

// The same random script of programs' writes, seals, frames, verdicts and messages on the SQLite replica and on the
// reference: both must hold the same after every step, the bytes of sealed changesets included.
func TestSQLiteIsTheReference(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { differ(t, seed, 60) })
	}
}

type differential struct {
	*rand.Rand
	t       *testing.T
	r       *device.Replica
	ref     *reference
	program *sql.DB
	tables  []*schema.Table
	view    string
	snaps   int
	clock   replica.Clock
}

func differ(t *testing.T, seed uint64, steps int) {
	r := create(t)
	program, err := device.Foreign(r.Path(), "_busy_timeout=10000&_txlock=immediate")
	require.NoError(t, err)
	defer program.Close()
	program.SetMaxOpenConns(1)
	d := &differential{Rand: rand.New(rand.NewPCG(seed, 7)), t: t, r: r, ref: newReference(r.Schema()), program: program, view: viewA}
	for _, name := range []string{"household", "visit", "dispute", "resident"} {
		d.tables = append(d.tables, r.Schema().Table(name))
	}
	require.NoError(t, r.Store().Update(func(tx replica.Tx) error {
		c, err := tx.Control()
		d.ref.ctl = c
		return err
	}))
	var did []string
	for range steps {
		name, run := d.step()
		did = append(did, name)
		run()
		d.compare(fmt.Sprintf("seed %d after %v", seed, did))
	}
}

// compare finds the first line in which the two differ.
func (d *differential) compare(where string) {
	d.t.Helper()
	var a string
	require.NoError(d.t, d.r.Store().Update(func(tx replica.Tx) error { a = d.state(tx); return nil }))
	b := d.state(d.ref)
	theirs := strings.Split(a, "\n")
	for i, line := range strings.Split(b, "\n") {
		require.Equal(d.t, line, theirs[min(i, len(theirs)-1)], where)
	}
	require.Equal(d.t, len(b), len(a), where)
}

func (d *differential) both(fn func(replica.Tx) error) {
	d.t.Helper()
	d.clock.Mono++
	a := d.r.Store().Update(fn)
	b := d.ref.Update(fn)
	require.NoError(d.t, b)
	require.NoError(d.t, a)
}

func (d *differential) step() (string, func()) {
	switch n := d.IntN(20); {
	case n < 9:
		return "write", d.write
	case n < 12:
		return "seal", func() {
			foreign := d.IntN(2) == 0
			d.both(func(tx replica.Tx) error { _, err := replica.Seal(tx, d.r.Schema(), d.clock, foreign); return err })
		}
	case n < 15:
		return "delta", func() { d.delta(d.IntN(6) == 0) }
	case n < 19:
		return "verdicts", d.verdicts
	}
	return "inbox", func() {
		m := se.Message{Number: d.ref.ctl.Inbox + 1, Kind: se.MessageConflict, Seq: 3, Conflict: se.ConflictRef{ID: "3-1"}}
		d.both(func(tx replica.Tx) error { return replica.Receive(tx, []se.Message{m}) })
	}
}

func (d *differential) id() se.RowID {
	return se.RowID(fmt.Sprintf("00000000-0000-7000-8000-%012x", d.IntN(5)))
}

func (d *differential) value(c *schema.Column) schema.Value {
	if d.IntN(4) == 0 && c.Type != schema.TypeScope {
		return schema.Null()
	}
	switch c.Type {
	case schema.TypeScope:
		return schema.Text(grid)
	case schema.TypeSet:
		var set []string
		for range d.IntN(3) {
			set = append(set, string(rune('a'+d.IntN(4))))
		}
		return schema.Text(schema.FormatSet(set))
	}
	switch {
	case c.Type == schema.TypeSealed: // as far as SQL can tell
		return schema.Blob(append([]byte(schema.SealMagic+"\x00\x00\x00\x01"), bytes.Repeat([]byte{byte(d.IntN(3))}, 56)...))
	case c.HashOf != "":
		return schema.Text(strings.Repeat(string(rune('a'+d.IntN(3))), 64))
	}
	switch c.Type.Kind() {
	case schema.KindInt:
		return schema.Int(int64(d.IntN(3)) << 40)
	case schema.KindReal:
		return schema.Real(float64(d.IntN(3)) / 4)
	case schema.KindBlob:
		return schema.Blob([]byte{0, byte(d.IntN(3)), 255})
	}
	return schema.Text([]string{"", "甲", "a\x00b", "'\"%"}[d.IntN(4)])
}

func (d *differential) image(t *schema.Table) replica.Image {
	row := make(replica.Image, len(t.Cells))
	for i, cell := range t.Cells {
		row[i] = make([]schema.Value, len(cell.Columns))
		for j, c := range cell.Columns {
			if captured(c) {
				row[i][j] = d.value(c)
			}
		}
	}
	return row
}

// central is an image with what the centre alone writes.
func (d *differential) central(t *schema.Table) replica.Image {
	row := d.image(t)
	i := t.CellIndex(schema.CellEnvelop)
	for j, c := range t.Cells[i].Columns {
		row[i][j] = d.value(c)
	}
	return row
}

// write is another program's transaction of one to three statements.
func (d *differential) write() {
	tx, err := d.program.Begin()
	require.NoError(d.t, err)
	exec := func(q string, args ...any) {
		_, err := tx.Exec(q, args...)
		require.NoError(d.t, err, q)
	}
	exec(`UPDATE ds_control SET now = ?`, int64(wall))
	for range 1 + d.IntN(3) {
		t, id := d.tables[d.IntN(len(d.tables))], d.id()
		switch d.IntN(4) {
		case 0:
			row := d.image(t)
			names, marks, args := []string{"id"}, "?", []any{string(id)}
			each(t, func(c *schema.Column, i, j int) {
				names, marks, args = append(names, c.Name), marks+", ?", append(args, row[i][j].Any())
			})
			exec("INSERT OR REPLACE INTO "+t.Name+"("+strings.Join(names, ", ")+") VALUES("+marks+")", args...)
			d.ref.replace(t, id, row)
		case 1:
			exec("DELETE FROM "+t.Name+" WHERE id = ?", string(id))
			d.ref.remove(t, id)
		default:
			cols := slices.DeleteFunc(slices.Clone(t.Columns[1:]), func(c *schema.Column) bool { return !captured(c) })
			c := cols[d.IntN(len(cols))]
			v := d.value(c)
			exec("UPDATE "+t.Name+" SET "+c.Name+" = ? WHERE id = ?", v.Any(), string(id))
			d.ref.update(t, id, c.Name, v)
		}
	}
	require.NoError(d.t, tx.Commit())
}

// delta is a step of one or two frames; with reset a snapshot of another view.
func (d *differential) delta(reset bool) {
	ctl := d.ref.ctl
	from := ctl.Base()
	if reset {
		d.snaps++
		d.view = fmt.Sprint("view-", d.snaps)
		from = se.Base{}
		w := &se.Welcome{View: d.view, Reset: true, Grants: grants(), Limits: se.DefaultLimits, HLC: hlc.Timestamp(d.IntN(1 << 20))}
		d.both(func(tx replica.Tx) error { _, err := replica.Greet(tx, d.r.Schema(), d.clock, w); return err })
	}
	to := se.Base{Epoch: ctl.Epoch, Seq: ctl.Cursor + 1 + int64(d.IntN(3))}
	var items []se.DeltaItem
	seen := map[string]bool{}
	for range d.IntN(6) {
		t, id := d.tables[d.IntN(len(d.tables))], d.id()
		if seen[t.Name+string(id)] {
			continue
		}
		seen[t.Name+string(id)] = true
		it := se.DeltaItem{Seq: from.Seq + 1, Table: t.Name, Row: id, Kind: se.DeltaRow, Whole: true}
		if n := d.IntN(6); !reset && n == 0 {
			it.Kind, it.Whole = se.DeltaDead, false
		} else if !reset && n == 1 {
			it.Kind, it.Whole = se.DeltaEvict, false
		} else {
			row := d.central(t)
			for i, cell := range t.Cells {
				it.Cells = append(it.Cells, se.CellValue{Cell: cell.Name, Values: row[i]})
			}
			for range d.IntN(3) { // of newer declarations
				it.Cells = append(it.Cells, se.CellValue{Cell: fmt.Sprint("newer", d.IntN(3)), Values: []schema.Value{schema.Int(int64(d.IntN(9))), schema.Null()}})
			}
		}
		items = append(items, it)
		if d.IntN(4) == 0 {
			it.Table = "newer"
			items = append(items, it)
		}
	}
	cut := d.IntN(len(items) + 1)
	middle := se.Position{Seq: from.Seq + 1, Key: "x"}
	lastN := int64(0)
	for n := ctl.Acked; n >= 1; n-- {
		if v := d.ref.verdicts[n]; v.Kind.Effective() {
			lastN = ctl.Acked // the centre has decided all of these
			break
		}
	}
	frames := []*se.Delta{
		{View: d.view, From: from, Reset: reset, Scope: grid, Items: items[:cut], Start: se.Position{Seq: from.Seq}, After: middle},
		{View: d.view, From: from, Reset: reset, Scope: grid, Items: items[cut:], Start: middle, After: se.Position{Seq: to.Seq},
			Done: true, To: to, LastN: lastN, Scopes: []se.StagedScope{{Scope: grid, After: se.Position{Seq: to.Seq}}}, HLC: 99},
	}
	frames = slices.Insert(frames, 1, frames[0]) // one comes twice
	for i, f := range frames {
		d.both(func(tx replica.Tx) error {
			applied, err := replica.Stage(tx, d.r.Schema(), d.clock, f)
			require.Equal(d.t, i == 2, applied)
			if i == 1 {
				require.ErrorIs(d.t, err, replica.ErrGap)
				return nil
			}
			return err
		})
		d.compare(fmt.Sprint("frame ", i))
	}
}

// verdicts judges the oldest changesets of the outbox.
func (d *differential) verdicts() {
	var list []se.Verdict
	all, _ := d.ref.Outbox(0, 1+d.IntN(3))
	for _, cs := range all {
		v := se.Verdict{N: cs.N, Hash: cs.Hash(), Kind: se.VerdictKind(1 + d.IntN(5)), Epoch: 1}
		if v.Kind.Effective() {
			v.Seq = d.ref.ctl.Cursor + 1
		} else {
			v.Reason = &se.Reason{Code: se.CodeBadValue, Table: cs.Changes[0].Table, Row: cs.Changes[0].Row, Column: "x", Rule: "y"}
			if d.IntN(2) == 0 {
				v.Reason.Current = []schema.Value{schema.Real(0.5), schema.Null(), schema.Blob([]byte{0})}
			}
		}
		if v.Kind == se.Conflicts {
			v.Conflicts = []se.ConflictRef{{ID: "9-1", Key: se.ConflictKey{Kind: se.ConflictCell, Table: "t", Row: "r", Cell: "c"}}}
		}
		list = append(list, v)
	}
	d.both(func(tx replica.Tx) error { _, err := replica.FileVerdicts(tx, d.r.Schema(), d.clock, list); return err })
}

// state writes down everything the port gives.
func (d *differential) state(tx replica.Tx) string {
	var b strings.Builder
	must := func(err error) { require.NoError(d.t, err) }
	ctl, err := tx.Control()
	must(err)
	ctl.StagedAt = slices.Clip(append([]se.StagedScope{}, ctl.StagedAt...))
	fmt.Fprintf(&b, "control %+v\n", ctl)
	caps, err := tx.Captured()
	must(err)
	fmt.Fprintf(&b, "captured %d\n", len(caps))
	for _, t := range d.tables {
		rows, err := tx.RowIDs(t)
		must(err)
		for _, id := range rows {
			row, err := tx.Row(t, id)
			must(err)
			fmt.Fprintf(&b, "%s %s %#v\n", t.Name, id, row)
		}
		under, err := tx.UnderIDs(t)
		must(err)
		for _, id := range under {
			row, _, err := tx.Under(t, id)
			must(err)
			fmt.Fprintf(&b, "under %s %s %#v\n", t.Name, id, row)
		}
		found, err := tx.Find(t, schema.ColScope, schema.Text(grid))
		must(err)
		fmt.Fprintf(&b, "found %s %v\n", t.Name, found)
	}
	keys, err := tx.KeptRows()
	must(err)
	for _, k := range keys {
		cells, err := tx.Kept(k)
		must(err)
		fmt.Fprintf(&b, "kept %v %#v\n", k, cells)
	}
	keys, err = tx.PendingUpTo(0, 1<<40)
	must(err)
	for _, k := range keys {
		list, err := tx.Pending(d.r.Schema().Table(k.Table), k.Row)
		must(err)
		for _, p := range list {
			fmt.Fprintf(&b, "pending %v %d %#v\n", k, p.N, p.Change)
		}
	}
	for n := int64(1); n <= ctl.LastN; n++ {
		v, err := tx.Verdict(n)
		must(err)
		if v != nil {
			why := v.Reason
			v.Reason = nil
			fmt.Fprintf(&b, "verdict %+v\n", *v)
			if why != nil {
				fmt.Fprintf(&b, "reason %#v\n", *why)
			}
		}
		cs, err := tx.Sealed(n)
		must(err)
		if cs != nil {
			fmt.Fprintf(&b, "sealed %d %s\n", n, cs.Hash())
		}
	}
	staged, err := tx.Staged()
	must(err)
	fmt.Fprintf(&b, "staged %#v\n", staged)
	return b.String()
}
