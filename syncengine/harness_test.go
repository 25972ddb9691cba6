package syncengine_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/memstore"
)

// testSchema has one record type of each shape that the engine treats in a way of its own.
func testSchema() *schema.Schema {
	col := func(name string, typ schema.Type, p schema.Policy, more ...func(*schema.Column)) *schema.Column {
		c := &schema.Column{Name: name, Type: typ, Policy: p}
		for _, m := range more {
			m(c)
		}
		return c
	}
	ref := func(table string) func(*schema.Column) { return func(c *schema.Column) { c.Ref = table } }
	group := func(g string) func(*schema.Column) { return func(c *schema.Column) { c.Group = g } }
	required := func(c *schema.Column) { c.Required = true }
	table := func(name string, cols ...*schema.Column) *schema.Table {
		return &schema.Table{Name: name, Level: schema.LevelGrid, Columns: append(schema.BuiltIn(), cols...),
			Views: map[string]*schema.View{}, Rights: map[string]*schema.Right{}}
	}
	door := table("door", col("unit", schema.TypeText, schema.PolicyReview), col("room", schema.TypeText, schema.PolicyReview))
	door.Door, door.NaturalKey = schema.DoorSelf, []string{"unit", "room"}
	home := table("home",
		col("door_id", schema.TypeRef, schema.PolicyReview, ref("door")),
		col("phone", schema.TypeText, schema.PolicyLWW),
		col("head", schema.TypeText, schema.PolicyReview),
		col("level", schema.TypeText, schema.PolicyMax, func(c *schema.Column) { c.Queue, c.Rank = true, []string{"low", "medium", "high"} }),
		col("tags", schema.TypeSet, schema.PolicyUnion),
		col("count", schema.TypeInt, schema.PolicyAdd),
		col("lat", schema.TypeReal, schema.PolicyReview, group("place")),
		col("lon", schema.TypeReal, schema.PolicyReview, group("place")),
		col("score", schema.TypeInt, schema.PolicyCentral),
		col("secret", schema.TypeText, schema.PolicyReview))
	home.Door = "door_id"
	log := table("log", col("home_id", schema.TypeRef, schema.PolicyAppend, ref("home"), required), col("text", schema.TypeText, schema.PolicyAppend),
		col("token", schema.TypeText, schema.PolicyAppend), col("void", schema.TypeBool, schema.PolicyReview))
	log.Append, log.Idempotent, log.Door = true, []string{"token"}, "home_id"
	wish := table("wish", col("title", schema.TypeText, schema.PolicyLWW), col("state", schema.TypeCode, schema.PolicyCentral, func(c *schema.Column) { c.Derived = true }))
	claim := table("claim", col("wish_id", schema.TypeRef, schema.PolicyAppend, ref("wish"), required), col("follows_id", schema.TypeRef, schema.PolicyAppend, ref("claim")),
		col("number", schema.TypeInt, schema.PolicyCentral), col("step", schema.TypeCode, schema.PolicyAppend, required))
	claim.Append = true
	claim.Steps = &schema.Steps{Case: "wish_id", Follows: "follows_id", Number: "number", Step: "step", State: "state", Initial: "open", Moves: map[string]schema.Move{
		"claim": {From: []string{"open"}, To: "claimed"}, "done": {From: []string{"claimed"}, To: "done"}, "drop": {From: []string{"claimed"}, To: "open"},
		"close": {From: []string{"done"}, To: "closed", Roles: []string{"boss"}},
	}}
	s := &schema.Schema{Version: 1, Tables: []*schema.Table{door, home, log, wish, claim}, Codes: map[string]*schema.CodeTable{}, Roles: map[string]*schema.Role{
		"worker": {Name: "worker"}, "steward": {Name: "steward", Doors: true}, "boss": {Name: "boss", Console: true},
	}}
	for _, t := range s.Tables {
		t.Views["worker"], t.Views["boss"] = &schema.View{Rows: schema.RowsAll}, &schema.View{Rows: schema.RowsAll}
		t.Views["steward"] = &schema.View{Rows: schema.RowsDoors}
		for _, r := range []string{"worker", "boss"} {
			t.Rights[r] = &schema.Right{Insert: true, Delete: true, Update: []string{schema.AllCells}}
		}
		t.Rights["steward"] = &schema.Right{Insert: t.Name != "door" && t.Name != "home"}
	}
	home.Views["steward"] = &schema.View{Rows: schema.RowsDoors, Hidden: []string{"secret"}, Masks: map[string]schema.Mask{"phone": schema.MaskPhone}}
	home.Rights["steward"] = &schema.Right{Update: []string{"head", "phone", "secret"}}
	s.Index()
	return s
}

// world is an engine over a store in memory with a clock moved by hand.
type world struct {
	t     *testing.T
	s     *schema.Schema
	store *memstore.Store
	e     *se.Engine
	now   int64
	devs  map[string]*dev
}

type dev struct {
	w     *world
	id    string
	who   string
	n     int64
	hash  se.Hash
	acked int64 // what its connection has sent and heard to be seen
	held  int64 // cursor of its Hello
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, s: testSchema(), now: 1_000_000, devs: map[string]*dev{}}
	w.store = memstore.New(w.s)
	w.store.RunTwice = true
	w.e = se.New(w.s, se.DefaultLimits)
	return w
}

func (w *world) dev(name, role string, grants ...se.Grant) *dev {
	d := &dev{w: w, id: "dev-" + name, who: name}
	p := &se.Principal{Account: name, Device: d.id, Console: role == "boss", Grants: grants}
	if len(grants) == 0 {
		p.Grants = []se.Grant{{Scope: "g1", Role: role}}
	}
	w.store.SetPrincipal(d.id, p)
	w.devs[name] = d
	return d
}

func rid(n int) se.RowID { return se.RowID(fmt.Sprintf("018f0000-0000-7000-8000-%012x", n)) }

// set is a value write; ops are add and union.
func set(cell string, base int64, values ...any) se.CellWrite {
	w := se.CellWrite{Cell: cell, Values: []schema.Value{}}
	if base > 0 {
		w.Base = se.Base{Epoch: 1, Seq: base}
	}
	for _, x := range values {
		v, err := schema.FromAny(x)
		if err != nil {
			panic(err)
		}
		w.Values = append(w.Values, v)
	}
	return w
}

func ins(table string, row se.RowID, cells ...se.CellWrite) se.Change {
	return se.Change{Table: table, Row: row, Op: se.OpInsert, Cells: append([]se.CellWrite{set("scope", 0, "g1")}, cells...)}
}

func upd(table string, row se.RowID, cells ...se.CellWrite) se.Change {
	return se.Change{Table: table, Row: row, Op: se.OpUpdate, Cells: cells}
}

func del(table string, row se.RowID, base int64) se.Change {
	return se.Change{Table: table, Row: row, Op: se.OpDelete, Base: se.Base{Epoch: 1, Seq: base}}
}

func (d *dev) make(changes ...se.Change) *se.Changeset {
	return &se.Changeset{Device: d.id, N: d.n + 1, Prev: d.hash, Wall: d.w.now, Boot: "b", Mono: d.w.now, Author: d.who, Schema: 1, Changes: changes}
}

func (d *dev) send(cs *se.Changeset) se.Result {
	c := se.Contact{Boot: "b", Mono: d.w.now, At: d.w.now, Acked: d.acked, Held: se.Base{Epoch: 1, Seq: d.held}}
	res := d.w.e.Commit(d.w.store, []se.Submission{{Changeset: cs, Contact: c, Now: d.w.now}})
	require.Len(d.w.t, res, 1)
	return res[0]
}

// push sends a changeset and moves the clock on.
func (d *dev) push(changes ...se.Change) se.Verdict {
	d.w.t.Helper()
	cs := d.make(changes...)
	r := d.send(cs)
	require.NoError(d.w.t, r.Err)
	d.n, d.hash = cs.N, cs.Hash()
	d.w.now += 1000
	return r.Verdict
}

// ok pushes and wants it accepted without further ado; it gives the seq.
func (d *dev) ok(changes ...se.Change) int64 {
	d.w.t.Helper()
	v := d.push(changes...)
	require.Equal(d.w.t, se.Accepted, v.Kind, "%+v %+v", v.Reason, v.Conflicts)
	return v.Seq
}

func (d *dev) refused(kind se.VerdictKind, code se.Code, changes ...se.Change) se.Reason {
	d.w.t.Helper()
	v := d.push(changes...)
	require.Equal(d.w.t, kind, v.Kind, "%+v", v.Reason)
	require.Equal(d.w.t, code, v.Reason.Code, "%+v", v.Reason)
	q := view(d.w, func(tx se.ReadTx) (*se.Quarantined, error) { return tx.Quarantined(d.id, v.N) })
	require.NotNil(d.w.t, q, "what was refused is in quarantine, whole")
	return *v.Reason
}

func view[T any](w *world, f func(se.ReadTx) (T, error)) T {
	w.t.Helper()
	var out T
	require.NoError(w.t, w.store.View(func(tx se.ReadTx) error {
		var err error
		out, err = f(tx)
		return err
	}))
	return out
}

// shows gives what the centre shows in a cell, values joined by commas; "gone" if there is no row.
func (w *world) shows(table string, row se.RowID, cell string) string {
	r := view(w, func(tx se.ReadTx) (*se.Row, error) { return tx.Row(table, row) })
	if r == nil {
		return "gone"
	}
	t := w.s.Table(table)
	var out []string
	for _, v := range r.Cells[t.CellIndex(cell)].Values(t.Cell(cell)) {
		out = append(out, v.String())
	}
	return strings.Join(out, ",")
}

func (w *world) open(kind se.ConflictKind, table string, row se.RowID, cell string) *se.Conflict {
	return view(w, func(tx se.ReadTx) (*se.Conflict, error) {
		return tx.OpenConflict(se.ConflictKey{Kind: kind, Table: table, Row: row, Cell: cell})
	})
}

// next reads all that a replica at a cursor lacks, as lines.
func (w *world) next(d *dev, cursor int64, reset bool) []string {
	req := se.NextRequest{Device: d.id, Now: w.now, Budget: 1 << 20}
	if !reset {
		wel := view(w, func(tx se.ReadTx) (*se.Welcome, error) { return w.e.Welcome(tx, se.Hello{Device: d.id}, w.now) })
		req.View, req.Cursor = wel.View, se.Base{Epoch: 1, Seq: cursor}
	}
	part := view(w, func(tx se.ReadTx) (*se.Part, error) { return w.e.Next(tx, req) })
	var out []string
	for _, f := range part.Frames {
		for _, it := range f.Items {
			line := fmt.Sprintf("%s %s/%s", [...]string{"", "evict", "dead", "row"}[it.Kind], it.Table, strings.TrimLeft(string(it.Row[24:]), "0"))
			if it.Whole {
				line += " whole"
			}
			for _, c := range it.Cells {
				if c.Cell != "envelope" {
					line += fmt.Sprintf(" %s=%v", c.Cell, c.Values)
				}
			}
			out = append(out, line)
		}
	}
	require.True(w.t, part.Frames[len(part.Frames)-1].Done)
	return out
}
