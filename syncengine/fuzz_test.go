package syncengine_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/internal/tape"
	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// FuzzCommit makes changesets of any bytes and commits them to a county in which there is something of everything: a
// conflict in each of the queues, dead, merged and parked things, a revoked device and one whose grant has ended. After
// each of them the county must be one that the rules could have made: see fuzzed.after. What was committed is then sent
// again. The county is put back after each input, so that thousands of them go through in a second.
func FuzzCommit(f *testing.F) {
	for _, s := range commitSeeds {
		f.Add([]byte(s))
	}
	base := newFuzzed(f)
	home := base.s.Table("home")
	for i := range home.Cells { // somebody who has seen everything writes each cell of the row with the conflict, and again
		one := []byte{0, 0, 0, 0, 0, 1, 2, 0, 0, 50, 1, byte(i), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
		f.Add(one)
		f.Add(append([]byte{1}, one[1:]...)) // by him whose write is the candidate
		f.Add(append(append([]byte{}, one...), "\x01\x01\x00\x00\x00\x01\x02\x00\x20\x32\x01"+string(rune(i))+"\x21\x00\x00\x01\x00\x00\x00\x00\x00\x00"...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		base.run(t, tape.New(b))
	})
}

// commitSeeds are inputs of many kinds; what fuzzing finds stands in testdata/fuzz.
var commitSeeds = []string{
	"", "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f",
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "the quick brown fox jumps over the lazy dog and over the lazy cat too",
	"\x03\x01\x00\x01\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x03\x02\x00\x00\x00\x03\x00\x00\x00\x05\x04\x03\x02\x01",
	"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7\xf6\xf5\xf4\xf3\xf2\xf1\xf0\xef\xee\xed\xec\xeb\xea\xe9\xe8\xe7\xe6\xe5\xe4\xe3\xe2\xe1\xe0",
}

const fuzzRows = 14

var fuzzIDs = func() (out []se.RowID) {
	for i := range fuzzRows {
		out = append(out, rid(i))
	}
	return out
}()

// fuzzed is a county to put inputs through.
type fuzzed struct {
	*world
	names     []string
	conflicts []string
	shown     map[string][]se.WriteID // their candidates
	parked    []se.WriteID
	there     []se.RowKey
}

var errPutBack = errors.New("put the county back")

// inside is a Store within a transaction of another. It notes what is written and not undone.
type inside struct {
	se.Tx
	rows    []se.RowKey
	effects int // writes that only what took effect may make
	writes  int
	entries []se.Entry
}

func (s *inside) Update(fn func(se.Tx) error) error {
	return s.Savepoint(func() error { return fn(s) })
}
func (s *inside) View(fn func(se.ReadTx) error) error { return fn(s.Tx) }

func (s *inside) Savepoint(fn func() error) error {
	rows, effects, writes, entries := len(s.rows), s.effects, s.writes, len(s.entries)
	err := s.Tx.Savepoint(fn)
	if err != nil {
		s.rows, s.effects, s.writes, s.entries = s.rows[:rows], effects, writes, s.entries[:entries]
	}
	return err
}

func (s *inside) forget() { s.rows, s.effects, s.writes, s.entries = s.rows[:0], 0, 0, s.entries[:0] }

func (s *inside) PutRow(r *se.Row) error {
	s.rows = append(s.rows, se.RowKey{Table: r.Table, Row: r.ID})
	s.effects++
	return s.Tx.PutRow(r)
}
func (s *inside) Kill(d *se.Dead) error {
	s.rows = append(s.rows, se.RowKey{Table: d.Table, Row: d.ID})
	s.effects++
	return s.Tx.Kill(d)
}
func (s *inside) Revive(table string, id se.RowID) error { s.effects++; return s.Tx.Revive(table, id) }
func (s *inside) PutHead(h se.Head) error                { s.effects++; return s.Tx.PutHead(h) }
func (s *inside) PutMove(m se.Move) error                { s.effects++; return s.Tx.PutMove(m) }
func (s *inside) PutConflict(c *se.Conflict) error       { s.effects++; return s.Tx.PutConflict(c) }
func (s *inside) PutRepointed(r se.Repointed) error      { s.effects++; return s.Tx.PutRepointed(r) }
func (s *inside) PutStep(table string, id se.RowID, x se.Step) error {
	s.effects++
	return s.Tx.PutStep(table, id, x)
}
func (s *inside) AppendHistory(e se.Entry) error {
	s.effects++
	s.entries = append(s.entries, e)
	return s.Tx.AppendHistory(e)
}
func (s *inside) PutDevice(d *se.Device) error           { s.writes++; return s.Tx.PutDevice(d) }
func (s *inside) PutMessage(m se.Message) error          { s.writes++; return s.Tx.PutMessage(m) }
func (s *inside) PutQuarantined(q *se.Quarantined) error { s.writes++; return s.Tx.PutQuarantined(q) }
func (s *inside) AppendAudit(a se.AuditEvent) error      { s.writes++; return s.Tx.AppendAudit(a) }
func (s *inside) PutVerdict(d string, v se.Verdict) error {
	s.writes++
	return s.Tx.PutVerdict(d, v)
}

func newFuzzed(f testing.TB) *fuzzed {
	w := newWorld(&testing.T{})
	w.store.RunTwice = false
	x := &fuzzed{world: w, names: []string{"a", "c", "s", "boss", "a", "c", "boss", "boss", "s", "c", "a", "boss", "r", "e"}, shown: map[string][]se.WriteID{}}
	both := []se.Grant{{Scope: "g1", Role: "worker"}, {Scope: "g2", Role: "worker"}}
	a, c, boss := w.dev("a", "worker"), w.dev("c", "worker", both...), w.dev("boss", "boss")
	w.dev("s", "steward", se.Grant{Scope: "g1", Role: "steward", Doors: []string{string(rid(1))}})
	r, e := w.dev("r", "worker"), w.dev("e", "worker")
	at := a.ok(ins("door", rid(1), set("unit", 0, "1"), set("room", 0, "101")), ins("home", rid(2), set("door_id", 0, string(rid(1))), set("phone", 0, "1")))
	c.push(upd("home", rid(2), set("head", 0, "李")))
	a.push(upd("home", rid(2), set("head", at, "王"), set("level", at, "low"))) // a conflict of a cell
	c.push(ins("door", rid(3), set("unit", 0, "1"), set("room", 0, "101")))    // a duplicate
	a.push(ins("home", rid(4)))
	at = a.ok(del("home", rid(4), w.head()))
	c.push(upd("home", rid(4), set("phone", 0, "4"))) // a dead row written to
	a.push(ins("wish", rid(5), set("title", at, "灯")))
	for i, who := range []*dev{a, c} { // two first steps
		who.push(ins("claim", rid(6+i), set("wish_id", 0, string(rid(5))), set("step", 0, "claim")))
	}
	a.push(ins("door", rid(8), set("unit", 0, "2"), set("room", 0, "201")))
	c.push(ins("door", rid(9), set("unit", 0, "2"), set("room", 0, "201")))
	c.push(upd("home", rid(10), set("phone", 0, "parked")))
	r.push(ins("home", rid(11), set("secret", 0, "s")))
	e.push(ins("home", rid(12)))
	w.store.SetPrincipal(r.id, &se.Principal{Account: "r", Device: r.id, Grants: []se.Grant{{Scope: "g1", Role: "worker"}}, Revoked: true})
	w.store.SetPrincipal(e.id, &se.Principal{Account: "e", Device: e.id, Grants: []se.Grant{{Scope: "g1", Role: "worker", To: w.now - 1}}})
	for seq := range w.head() + 1 {
		for i := range 4 {
			id := fmt.Sprintf("%d-%d", seq, i)
			if con := view(w, func(tx se.ReadTx) (*se.Conflict, error) { return tx.Conflict(id) }); con != nil {
				x.conflicts = append(x.conflicts, id)
				x.shown[id] = ids(con)
				if con.Key.Kind == se.ConflictDuplicate && con.Key.Row == rid(8) {
					boss.ok(se.Change{Table: con.Key.Table, Op: se.OpDecide, Base: se.Base{Epoch: 1, Seq: w.head()}, Decide: &se.Decision{
						Conflict: id, Choice: se.ChoiceMerge, Survivor: rid(8), Retired: []se.RowID{rid(9)}, Shown: ids(con)}})
				}
			}
		}
	}
	x.parked = []se.WriteID{{Device: c.id, N: c.n}, {Device: a.id, N: 1}}
	for _, tab := range w.s.Tables {
		for _, id := range fuzzIDs {
			if view(w, func(tx se.ReadTx) (*se.Row, error) { return tx.Row(tab.Name, id) }) != nil {
				x.there = append(x.there, se.RowKey{Table: tab.Name, Row: id})
			}
		}
	}
	require.GreaterOrEqual(f, len(x.conflicts), 5, "something of everything")
	return x
}

func ids(con *se.Conflict) (out []se.WriteID) {
	for i := range con.Candidates {
		out = append(out, con.Candidates[i].ID())
	}
	return out
}

// run commits what the tape says, at most five changesets, and puts the county back.
func (x *fuzzed) run(t *testing.T, in *tape.Tape) {
	err := x.store.Update(func(tx se.Tx) error {
		type place struct {
			n    int64
			hash se.Hash
		}
		county, at, now := &inside{Tx: tx}, map[string]place{}, x.now
		for i := 0; in.More() && i < 5; i++ {
			d := x.devs[tape.Of(in, x.names...)]
			p, ok := at[d.id]
			if !ok {
				p = place{d.n, d.hash}
			}
			now += int64(in.Below(3)) * 1000
			before, err := tx.Head()
			require.NoError(t, err)
			cs := x.changeset(in, d, p.n, p.hash, before.Seq, now)
			sub := se.Submission{Changeset: cs, Contact: x.contact(in, before.Seq, now), Now: now}
			county.forget()
			res := x.e.Commit(county, []se.Submission{sub})[0]
			x.after(t, county, before, sub, res, cs.N == p.n+1 && cs.Prev == p.hash)
			if res.Err != nil {
				continue
			}
			if cs.N > p.n {
				at[d.id] = place{cs.N, cs.Hash()}
			}
			x.again(t, county, sub, res)
		}
		if in.Flag(4) {
			x.read(t, tx, now)
		}
		return errPutBack
	})
	if !errors.Is(err, errPutBack) {
		t.Fatal(err)
	}
}

// again sends what was judged once more, later.
func (x *fuzzed) again(t *testing.T, county *inside, sub se.Submission, res se.Result) {
	county.forget()
	sub.Now += 5000
	again := x.e.Commit(county, []se.Submission{sub})[0]
	if again.Err != nil || again.Verdict.Kind != res.Verdict.Kind || again.Verdict.Seq != res.Verdict.Seq || again.Verdict.Hash != res.Verdict.Hash {
		require.Equal(t, res, again, "the same bytes twice")
	}
	for _, e := range county.entries { // something parked may have been ready
		require.NotEqual(t, sub.Changeset.ID(), e.Changeset.ID(), "it took effect twice")
	}
	require.True(t, len(county.entries) > 0 || county.effects+county.writes == 0, "what was judged has no second effect")
}

// read gives every device what it lacks.
func (x *fuzzed) read(t *testing.T, tx se.ReadTx, now int64) {
	for _, name := range x.names[:3] {
		d := x.devs[name]
		wel, err := x.e.Welcome(tx, se.Hello{Device: d.id}, now)
		require.NoError(t, err)
		for _, req := range []se.NextRequest{
			{Device: d.id, Now: now, Budget: 1 << 20},
			{Device: d.id, Now: now, Budget: 1 << 20, View: wel.View, Cursor: se.Base{Epoch: 1, Seq: 10}},
		} {
			part, err := x.e.Next(tx, req)
			require.NoError(t, err)
			last := part.Frames[len(part.Frames)-1]
			require.True(t, last.Done)
			require.Equal(t, part.Head, last.To)
		}
	}
}

// after checks what one commit did. fits says that the changeset was the next one of its device.
func (x *fuzzed) after(t *testing.T, county *inside, before se.Head, sub se.Submission, res se.Result, fits bool) {
	cs, v := sub.Changeset, res.Verdict
	if res.Err != nil {
		require.False(t, fits && !errors.Is(res.Err, se.ErrQuota), "no verdict: %v", res.Err)
		require.Zero(t, county.effects+county.writes, "what was not judged has no effect")
		return
	}
	if v.N != cs.N || v.Hash != cs.Hash() || v.Reason != nil && v.Reason.Code == se.CodeInternal {
		t.Fatalf("a bug, or another's verdict: %+v %+v\n%+v", v, v.Reason, cs)
	}
	own := slices.ContainsFunc(county.entries, func(e se.Entry) bool { return e.Changeset.ID() == cs.ID() })
	switch {
	case !fits: // judged before
		require.False(t, own)
	case v.Kind.Effective():
		require.True(t, own && v.Reason == nil && v.Seq == before.Seq+1, "%+v", v)
	default:
		require.True(t, !own && v.Reason != nil && v.Reason.Code != "" && v.Seq == 0, "%+v", v)
		require.True(t, len(county.entries) > 0 || county.effects == 0, "a refusal has no effect: %+v", v.Reason)
		q, err := county.Quarantined(cs.Device, cs.N)
		require.NoError(t, err)
		require.True(t, q != nil && q.Verdict.Kind == v.Kind, "what is refused is kept")
	}
	after := x.history(t, county, before, sub.Now)
	for _, k := range county.rows {
		row, err := county.Row(k.Table, k.Row)
		require.NoError(t, err)
		dead, err := county.Dead(k.Table, k.Row)
		require.NoError(t, err)
		require.NotEqual(t, row == nil, dead == nil, "alive or dead")
		if row != nil {
			x.row(t, county, x.s.Table(k.Table), row, after.Seq, sub.Now)
		}
	}
}

// history wants one entry for each seq, chained, and none with an effective time after its reception.
func (x *fuzzed) history(t *testing.T, county *inside, before se.Head, now int64) se.Head {
	after, err := county.Head()
	require.NoError(t, err)
	prev := before.History
	for i, e := range county.entries {
		if e.Seq != before.Seq+int64(i)+1 || e.Prev != prev || e.At > now || e.At > e.Received {
			t.Fatalf("entry %d after %+v: %+v", i, before, e)
		}
		prev = e.Hash
	}
	if after.Seq != before.Seq+int64(len(county.entries)) || prev != after.History || after.HLC < before.HLC || after.Epoch != before.Epoch {
		t.Fatalf("%d entries take the head from %+v to %+v", len(county.entries), before, after)
	}
	return after
}

// row checks what holds of every live row.
func (x *fuzzed) row(t *testing.T, tx se.ReadTx, tab *schema.Table, row *se.Row, head, now int64) {
	if len(row.Cells) != len(tab.Cells) || row.Seq > head {
		t.Fatalf("row %+v", row)
	}
	for i, def := range tab.Cells {
		c := &row.Cells[i]
		if c.Shown > row.Seq && !(def.Derived && c.Shown <= head) {
			t.Fatalf("%s.%s: replicas do not hear of it", tab.Name, def.Name)
		}
		x.cell(t, tab, def, c, head, now)
		if def.Policy == schema.PolicyReview {
			x.queue(t, tx, se.ConflictKey{Kind: se.ConflictCell, Table: tab.Name, Row: row.ID, Cell: def.Name}, c)
		}
	}
}

// cell wants one value to stand, and all survivors to be what may stand there.
func (x *fuzzed) cell(t *testing.T, tab *schema.Table, def *schema.Cell, c *se.Cell, head, now int64) {
	var stands []schema.Value
	for i := range c.Survivors {
		w := &c.Survivors[i]
		if w.At > now || w.Seq > head || len(w.Values) != len(def.Columns) {
			t.Fatalf("%s.%s holds %+v", tab.Name, def.Name, w)
		}
		if w.Stands() {
			if stands != nil && !slices.Equal(stands, w.Values) {
				t.Fatalf("two values stand in %s.%s: %v", tab.Name, def.Name, c.Survivors)
			}
			stands = w.Values
		}
		for k, v := range w.Values {
			if p := x.s.CheckValue(tab, def.Columns[k], v); p != nil {
				t.Fatalf("%s.%s holds what may not stand there: %+v", tab.Name, def.Name, p)
			}
		}
	}
	if stands == nil && len(c.Survivors) > 0 {
		t.Fatalf("nothing stands in %s.%s", tab.Name, def.Name)
	}
}

// queue wants the open conflict of a reviewed cell to be what does not stand.
func (x *fuzzed) queue(t *testing.T, tx se.ReadTx, key se.ConflictKey, c *se.Cell) {
	con, err := tx.OpenConflict(key)
	require.NoError(t, err)
	var waits, queue []se.WriteID
	for i := range c.Survivors {
		if !c.Survivors[i].Stands() {
			waits = append(waits, c.Survivors[i].ID())
		}
	}
	if con != nil {
		queue = ids(con)
	}
	if !slices.Equal(waits, queue) {
		t.Fatalf("of %s wait %v, and the conflict says %v", key.Label(), waits, queue)
	}
}

// contact is what a connection says of clocks. Acked and Held are no more than the centre has sent.
func (x *fuzzed) contact(in *tape.Tape, head, now int64) se.Contact {
	return se.Contact{Offset: in.Int64(0, 10, -10), Boot: in.Text("b", ""), Mono: in.Int64(now, now-1000), At: now - int64(in.Below(10)),
		Acked: int64(in.Below(int(head) + 1)), Held: x.base(in, head)}
}

// base is mostly one that a replica may have reached.
func (x *fuzzed) base(in *tape.Tape, head int64) se.Base {
	switch k := in.Below(64); {
	case k == 63:
		return se.Base{Epoch: in.Int64(1, 2), Seq: in.Int64(head)}
	case k < 32:
		return se.Base{Epoch: 1, Seq: max(0, head-int64(k))}
	case k < 40:
		return se.Base{}
	}
	return se.Base{Epoch: 1, Seq: head}
}

func (x *fuzzed) changeset(in *tape.Tape, d *dev, n int64, prev se.Hash, head, now int64) *se.Changeset {
	cs := &se.Changeset{Device: d.id, N: n + 1, Prev: prev, Wall: now, Boot: "b", Mono: now, Author: d.who, Schema: 1}
	if in.Flag(4) {
		cs.Wall, cs.Boot, cs.Mono, cs.Foreign = in.Int64(now), in.Text("b", ""), in.Int64(now), in.Flag(2)
	}
	if in.Flag(12) { // an odd one
		switch in.Below(8) {
		case 0:
			cs.N, cs.Prev = in.Int64(n+1, n, n+2), tape.Of(in, prev, se.Hash{1}, se.Hash{})
		case 1:
			return &se.Changeset{Device: d.id, N: n + 1, Prev: prev, Gone: se.Hash{in.Byte(), 1}}
		case 2:
			cs.Author = in.Text("a", "boss", "")
		case 3, 4:
			cs.Replaces = in.Int64(n, n-1, n-2)
		case 5:
			cs.HLC = 1<<64 - 1
		case 6:
			cs.Schema = int(in.Int64(1, 2))
		case 7:
			cs.Salvage = true
		}
	}
	for range 1 + in.Below(4) {
		c := x.change(in, d, head)
		same := func(o se.Change) bool { return o.Row == c.Row && o.Table == c.Table && o.Op != se.OpDecide }
		if !slices.ContainsFunc(cs.Changes, same) || in.Flag(16) {
			cs.Changes = append(cs.Changes, c)
		}
	}
	return cs
}

func (x *fuzzed) change(in *tape.Tape, d *dev, head int64) se.Change {
	t := tape.Of(in, x.s.Tables...)
	c := se.Change{Table: t.Name, Row: fuzzIDs[in.Below(fuzzRows)], Op: tape.Of(in, se.OpUpdate, se.OpInsert, se.OpInsert, se.OpDelete), Base: x.base(in, head)}
	switch k := in.Below(64); {
	case k == 63:
		c.Table, c.Row, c.Op = in.Text(t.Name, "sqlite_master", ""), se.RowID(in.Text(string(c.Row))), tape.Of(in, c.Op, se.Op(in.Byte()))
	case k > 40 && d.who == "boss", k == 62:
		c.Op, c.Row, c.Decide = se.OpDecide, "", x.decision(in)
		return c
	case k < 40 && c.Op == se.OpUpdate: // one that is there, as a rule
		r := tape.Of(in, x.there...)
		t, c.Table, c.Row = x.s.Table(r.Table), r.Table, r.Row
	}
	if c.Op == se.OpInsert {
		c.Cells = append(c.Cells, x.write(in, t.Cell(schema.ColScope), head))
		for _, def := range t.Cells {
			if def.Columns[0].Required && !in.Flag(16) {
				c.Cells = append(c.Cells, x.write(in, def, head))
			}
		}
	}
	if c.Op == se.OpDelete && !in.Flag(16) {
		return c
	}
	for range in.Below(5) {
		def := tape.Of(in, t.Cells...)
		if (def.Policy == schema.PolicyCentral || def.Name == schema.ColScope) && !in.Flag(16) {
			continue
		}
		w := x.write(in, def, head)
		if !slices.ContainsFunc(c.Cells, func(o se.CellWrite) bool { return o.Cell == w.Cell }) || in.Flag(16) {
			c.Cells = append(c.Cells, w)
		}
	}
	return c
}

func (x *fuzzed) write(in *tape.Tape, def *schema.Cell, head int64) se.CellWrite {
	w := se.CellWrite{Cell: def.Name, Base: x.base(in, head)}
	odd := in.Flag(40)
	switch {
	case odd && in.Flag(2):
		w.Cell = in.Text("id", "", def.Name)
		return w
	case def.Policy == schema.PolicyAdd && !odd:
		w.Add = schema.Int(in.Int64(1, 2, -3))
		return w
	case def.Policy == schema.PolicyUnion && !odd:
		for range in.Below(3) {
			w.In = append(w.In, in.Text("x", "y", ""))
		}
		for range in.Below(3) {
			w.Out = append(w.Out, in.Text("x", "y", ""))
		}
		return w
	}
	w.Values = []schema.Value{}
	for _, col := range def.Columns {
		w.Values = append(w.Values, x.value(in, col, odd))
	}
	return w
}

func (x *fuzzed) value(in *tape.Tape, col *schema.Column, odd bool) schema.Value {
	switch {
	case odd:
		return tape.Of(in, schema.Null(), schema.Int(in.Int64()), schema.Real(float64(in.Int64())), schema.Text(in.Text("", "\x00")), schema.Blob([]byte(in.Text())))
	case in.Flag(24):
		return schema.Null()
	case col.Name == schema.ColScope:
		return schema.Text(in.Text("g1", "g1", "g1", "g1", "g1", "g2"))
	case col.Ref != "":
		return schema.Text(string(fuzzIDs[in.Below(fuzzRows)]))
	}
	switch col.Type {
	case schema.TypeInt:
		return schema.Int(in.Int64(1))
	case schema.TypeReal:
		return schema.Real(float64(in.Int64(1)))
	case schema.TypeBool:
		return schema.Bool(in.Flag(2))
	}
	switch col.Name {
	case "level":
		return schema.Text(in.Text("low", "medium", "high", "low", "high"))
	case "step":
		return schema.Text(in.Text("claim", "done", "drop", "close", "claim", "done"))
	}
	return schema.Text(in.Text("1", "2", "101", "201", "王", "李"))
}

func (x *fuzzed) decision(in *tape.Tape) *se.Decision {
	if in.Flag(16) {
		return nil
	}
	some := func() se.WriteID {
		return se.WriteID{Device: x.devs[tape.Of(in, x.names...)].id, N: int64(in.Below(10))}
	}
	out := &se.Decision{Take: some(), Reason: in.Text("why", "")}
	if in.Flag(4) {
		out.Choice = tape.Of(in, se.ChoiceRelease, se.ChoiceDismiss, se.ChoiceKeep)
		out.Quarantined = tape.Of(in, append(slices.Clone(x.parked), some())...)
		return out
	}
	out.Choice = tape.Of(in, se.ChoiceKeep, se.ChoiceTake, se.ChoiceSet, se.ChoiceBoth, se.ChoiceRenumber, se.ChoiceMerge, se.ChoiceSplit, se.Choice(in.Text()))
	out.Conflict = in.Text(x.conflicts...)
	if shown := x.shown[out.Conflict]; len(shown) > 0 {
		out.Shown, out.Take = slices.Clone(shown), tape.Of(in, shown...)
	}
	for range in.Below(3) {
		out.Values = append(out.Values, schema.Text(in.Text("王", "3")))
	}
	if out.Choice != se.ChoiceMerge && out.Choice != se.ChoiceSplit {
		return out
	}
	door := func() se.RowID { return tape.Of(in, rid(1), rid(3), rid(8), rid(9), fuzzIDs[in.Below(fuzzRows)]) }
	out.Survivor, out.Retired = door(), []se.RowID{door()}
	if in.Flag(4) {
		out.Retired = append(out.Retired, door())
	}
	if in.Flag(2) {
		out.Picks = []se.Pick{{Cell: in.Text("unit", "room"), Row: door()}}
	}
	return out
}
