package simtest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/internal/tape"
	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/memstore"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// FuzzReplica puts a replica at the mercy of a centre: frames of real steps in any order, again, over several
// connections, and changed in any field, while programs write. The replica takes only what the codec lets through.
// Whatever comes, the connection ends with a reason or goes on; the cursor never moves back but by a snapshot; nothing
// of a step shows before its end; and no changeset is forgotten without a verdict. See victim.receive.
func FuzzReplica(f *testing.F) {
	f.Add([]byte("\x00\x00\x01\x01\x01\x02\x01\x03\x01\x04\x02\x01\x05\x06\x07\x03\x08"))
	f.Add([]byte("\x02\x05\x01\x00\x04\x00\x00\x00\x01\x02\x00\x03\x00\x04\x00\x05\x00\x06\x00\x07\x05\x00"))
	f.Add([]byte("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f"))
	s := Schema()
	real := recorded(f, s)
	var all []byte
	for i := range real { // all that an honest centre says, in order; each time something else comes before the next message
		f.Add(append(slices.Clone(all), 8, 1, 0, 0, 0, 0, 1, 0, 10, 1, 0, 1, byte(i)))      // programs write, and it is refused
		f.Add(append(slices.Clone(all), 6, byte(i), 0, 12, 0, 2))                           // a step that goes back
		f.Add(append(slices.Clone(all), 6, byte(i), 0, 4))                                  // the end of a step too early
		f.Add(append(slices.Clone(all), 6, byte(i), 1, 1, 0, 2, 8, 1, 0, 0, 1, 1, 0, 0, 1)) // and with a row
		all = append(all, 1, byte(i))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		in := tape.New(b)
		v := newVictim(t, s)
		for step := 0; in.More() && step < 40; step++ {
			v.step(in, real)
		}
	})
}

const (
	fuzzVictim = "01941f29-7c00-7000-8000-00000000000a"
	fuzzOther  = "01941f29-7c00-7000-8000-00000000000b"
)

func fuzzRow(n int) se.RowID { return se.RowID(fmt.Sprintf("018f0000-0000-7000-8000-%012x", n)) }

// recorded is what a real centre says to a device at its first contact, after more work, and after its grants changed.
func recorded(f *testing.F, s *schema.Schema) (out []session.Message) {
	store, e := memstore.New(s), se.New(s, se.DefaultLimits)
	grants := []se.Grant{{Scope: "g1", Role: roleWorker, Level: schema.LevelGrid}, {Scope: "g2", Role: roleWorker, Level: schema.LevelGrid}}
	store.SetPrincipal(fuzzVictim, &se.Principal{Account: "a", Device: fuzzVictim, Grants: grants})
	store.SetPrincipal(fuzzOther, &se.Principal{Account: "b", Device: fuzzOther, Grants: grants})
	now, prev, n := int64(1_000_000), se.Hash{}, int64(0)
	push := func(changes ...se.Change) {
		n++
		now += 1000
		cs := &se.Changeset{Device: fuzzOther, N: n, Prev: prev, Author: "b", Schema: 1, Wall: now, Changes: changes}
		prev = cs.Hash()
		r := e.Commit(store, []se.Submission{{Changeset: cs, Now: now}})
		require.NoError(f, r[0].Err)
		require.True(f, r[0].Verdict.Kind.Effective(), "%+v", r[0].Verdict.Reason)
	}
	hear := func(h se.Hello) {
		require.NoError(f, store.View(func(tx se.ReadTx) error {
			w, err := e.Welcome(tx, h, now)
			require.NoError(f, err)
			out = append(out, &session.Welcome{Welcome: *w})
			req := se.NextRequest{Device: fuzzVictim, Cursor: se.Base{Epoch: h.Epoch, Seq: h.Cursor}, View: w.View, Now: now, Budget: 1 << 20, Pages: se.Pages{Items: 2, Frame: 200}}
			if w.Reset {
				req.Cursor = se.Base{}
				req.View = ""
			}
			part, err := e.Next(tx, req)
			require.NoError(f, err)
			for _, d := range part.Frames {
				out = append(out, &session.Delta{Delta: d})
			}
			return nil
		}))
	}
	view := func() string { return out[len(out)-1].(*session.Delta).View }
	for i := range 4 {
		push(fuzzInsert(s, "place", i, fmt.Sprint("g", i%2+1)), fuzzInsert(s, "family", i+10, fmt.Sprint("g", i%2+1)))
	}
	hear(se.Hello{Device: fuzzVictim})
	push(se.Change{Table: "place", Row: fuzzRow(0), Op: se.OpUpdate, Cells: []se.CellWrite{{Cell: "note", Base: se.Base{Epoch: 1, Seq: 1}, Values: []schema.Value{schema.Text("n")}}}})
	push(se.Change{Table: "family", Row: fuzzRow(11), Op: se.OpDelete, Base: se.Base{Epoch: 1, Seq: 4}})
	hear(se.Hello{Device: fuzzVictim, Epoch: 1, Cursor: 4, View: view()})
	push(se.Change{Table: "family", Row: fuzzRow(12), Op: se.OpUpdate, Cells: []se.CellWrite{{Cell: "head", Base: se.Base{Epoch: 1, Seq: 4}, Values: []schema.Value{schema.Text("h")}}}})
	hear(se.Hello{Device: fuzzVictim, Epoch: 1, Cursor: 6, View: view()})
	store.SetPrincipal(fuzzVictim, &se.Principal{Account: "a", Device: fuzzVictim, Grants: grants[:1]})
	hear(se.Hello{Device: fuzzVictim})
	items := out[1].(*session.Delta).Items
	for i, packer := range wire.Packers() {
		packed, size, err := packer.Pack(items)
		require.NoError(f, err)
		d := *out[1].(*session.Delta)
		d.Items, d.Packed, d.Snapshot, d.Chunk = nil, packed, fmt.Sprint("s", i+1), 1
		out = append(out, &session.Manifest{Manifest: se.Manifest{
			ID: d.Snapshot, Scope: d.Scope, Encoding: packer.Encoding(), Rows: len(items), Bytes: len(packed), Chunks: []se.ChunkSum{
				{Hash: sha256.Sum256(packed), Bytes: len(packed), Size: size, Rows: len(items)},
			},
		}}, &d)
	}
	out = append(out, &session.Retire{}, &session.Inbox{Messages: []se.Message{{Number: 1, Kind: se.MessageEnded, Conflict: se.ConflictRef{ID: "1-1", Key: se.ConflictKey{Kind: se.ConflictCell, Table: "place", Row: fuzzRow(0), Cell: "address"}}}}},
		&session.Notice{Code: session.NoticeBusy, Text: "t"})
	return out
}

func fuzzInsert(s *schema.Schema, table string, row int, scope string) se.Change {
	c := se.Change{Table: table, Row: fuzzRow(row), Op: se.OpInsert, Cells: []se.CellWrite{{Cell: schema.ColScope, Values: []schema.Value{schema.Text(scope)}}}}
	if table == "place" {
		c.Cells = append(c.Cells, se.CellWrite{Cell: "address", Values: []schema.Value{schema.Text(fmt.Sprint(row))}})
	} else {
		c.Cells = append(c.Cells, se.CellWrite{Cell: "place_id", Values: []schema.Value{schema.Text(string(fuzzRow(row - 10)))}})
	}
	return c
}

// victim is a replica with its half of a session.
type victim struct {
	t     *testing.T
	dev   *MemDevice
	end   *end
	link  *session.Device
	clock replica.Clock
}

func newVictim(t *testing.T, s *schema.Schema) *victim {
	v := &victim{t: t, dev: NewMemDevice(s, fuzzVictim, "a"), clock: replica.Clock{Wall: 2_000_000, Boot: "b", Mono: 1}}
	v.end = &end{dev: v.dev, schema: s, clock: func() replica.Clock { return v.clock }}
	v.connect()
	return v
}

func (v *victim) connect() {
	v.link = session.NewDevice(v.end)
	h, err := v.link.Start("", "app/1")
	require.NoError(v.t, err)
	_, err = wire.Marshal(h, wire.Binary)
	require.NoError(v.t, err)
}

func (v *victim) step(in *tape.Tape, real []session.Message) {
	v.clock.Wall += 1000
	v.clock.Mono += 1000
	switch in.Below(12) {
	case 0:
		v.connect()
	case 1, 2, 3, 4, 5:
		v.receive(real[in.Below(len(real))])
	case 6, 7:
		v.receive(v.odd(in, real[in.Below(len(real))]))
	case 8, 9:
		v.write(in)
	case 10:
		v.receive(v.verdicts(in))
	case 11:
		if in.Flag(2) {
			if v.out(v.link.Check()) {
				v.connect()
			}
		} else {
			v.receive(v.repair(in))
		}
	}
}

// receive hands over what the codec lets through, and looks at what it did.
func (v *victim) receive(m session.Message) {
	b, err := wire.Marshal(m, wire.Binary)
	if err != nil {
		return
	}
	if m, err = wire.Unmarshal(b, wire.Binary, se.DefaultLimits); err != nil {
		return
	}
	before := v.dev.ctl
	v.dev.touched = nil
	closed := v.out(v.link.Receive(m))
	after := &v.dev.ctl
	d, _ := m.(*session.Delta)
	if after.Base().Less(before.Base()) && (d == nil || !d.Done || !d.Reset) {
		v.t.Fatalf("the cursor went back from %v to %v with %T", before.Base(), after.Base(), m)
	}
	if d == nil && after.Base() != before.Base() || d != nil && !d.Done && (after.Base() != before.Base() || len(v.dev.touched) > 0) {
		v.t.Fatalf("something of a step showed before its end: %+v", m)
	}
	v.whole(&before)
	if closed {
		v.connect()
	}
}

// out takes what the device's end sends, which a centre must be able to read, and tells whether the connection is over.
func (v *victim) out(list []session.Message, err error) bool {
	var closed *session.Closed
	var foreign *replica.ErrForeignVerdict
	switch {
	case errors.As(err, &closed), errors.As(err, &foreign):
		return true
	case err != nil:
		v.t.Fatalf("the connection ends without a reason: %v", err)
	}
	for _, m := range list {
		b, err := wire.Marshal(m, wire.Binary)
		require.NoError(v.t, err)
		_, err = wire.Unmarshal(b, wire.Binary, se.DefaultLimits)
		require.NoError(v.t, err, "%+v", m)
	}
	return false
}

// whole wants every changeset that was ever sealed to be in the outbox or to have its verdict, and the rows that show
// to be rows.
func (v *victim) whole(before *replica.Control) {
	if v.dev.ctl.LastN < before.LastN || v.dev.ctl.HLC < before.HLC {
		v.t.Fatalf("n or clock went back: %+v, %+v", before, v.dev.ctl)
	}
	for n := int64(1); n <= v.dev.ctl.LastN; n++ {
		cs, _ := v.dev.Sealed(n)
		verdict, _ := v.dev.Verdict(n)
		if cs == nil && verdict == nil {
			v.t.Fatalf("changeset %d is forgotten", n)
		}
	}
	for k, list := range v.dev.pending {
		for i := range list {
			if x, _ := v.dev.Verdict(list[i].N); x != nil && !x.Kind.Effective() {
				v.t.Fatalf("what was refused lies over %v still", k)
			}
		}
	}
	for k, row := range v.dev.rows {
		t := v.dev.schema.Table(k.Table)
		if t == nil || len(row) != len(t.Cells) {
			v.t.Fatalf("%v is no row of %s", row, k.Table)
		}
		for i, def := range t.Cells {
			if len(row[i]) != len(def.Columns) {
				v.t.Fatalf("%s.%s has %d values", k.Table, def.Name, len(row[i]))
			}
		}
	}
}

// write is a program of the device at work.
func (v *victim) write(in *tape.Tape) {
	x := Transaction{Foreign: in.Flag(3)}
	for range 1 + in.Below(3) {
		st := Statement{Verb: tape.Of(in, Update, Insert, Delete, Replace, Upsert), Table: "family", Row: fuzzRow(10 + in.Below(6)), Set: []Assign{{"head", schema.Text(in.Text("x", "y"))}}}
		if in.Flag(3) {
			st.Table, st.Row, st.Set = "place", fuzzRow(in.Below(6)), []Assign{{"note", schema.Text(in.Text("x", "y"))}}
		}
		if st.Verb != Update {
			st.Set = append(st.Set, Assign{schema.ColScope, schema.Text("g1")})
		}
		x.Statements = append(x.Statements, st)
	}
	before := v.dev.ctl
	_ = v.dev.Exec(x, v.clock) // a refusal, as a program sees it
	v.whole(&before)
}

// verdicts are honest ones, of any kind, or about something else.
func (v *victim) verdicts(in *tape.Tape) session.Message {
	m := &session.Verdicts{}
	for _, cs := range v.dev.outbox {
		x := se.Verdict{N: cs.N, Hash: cs.Hash(), Kind: tape.Of(in, se.Accepted, se.Rejected, se.Parked, se.Merged, se.Conflicts), Epoch: 1, Seq: 7}
		if !x.Kind.Effective() {
			x.Seq, x.Reason = 0, &se.Reason{Code: se.CodeNoRight, Table: "family"}
		}
		if in.Flag(12) {
			x.N, x.Epoch, x.Hash[0] = in.Int64(cs.N+1), in.Int64(2), 1
		}
		m.Verdicts = append(m.Verdicts, x)
		if in.Flag(2) {
			break
		}
	}
	return m
}

func (v *victim) repair(in *tape.Tape) session.Message {
	r := se.Repair{Number: in.Int64(1, 2), Part: 1 + in.Below(2), Done: !in.Flag(4), More: in.Flag(4), Stale: in.Flag(6), Snapshot: in.Flag(12)}
	for range in.Below(3) {
		r.Items = append(r.Items, v.item(in))
	}
	if r.Done && !in.Flag(3) {
		r.Covered = []se.Covered{{Table: in.Text("place", "family"), Buckets: tape.Of(in, 256, 1, 4), Index: []int{in.Below(256)}}}
	}
	return &session.Repair{Repair: r}
}

func (v *victim) item(in *tape.Tape) se.DeltaItem {
	it := se.DeltaItem{Seq: in.Int64(3, 5, 7), Kind: tape.Of(in, se.DeltaRow, se.DeltaDead, se.DeltaEvict), Table: in.Text("family", "place", "matter", "move"), Row: fuzzRow(in.Below(16)), Whole: in.Flag(2)}
	for range in.Below(4) {
		c := se.CellValue{Cell: in.Text("head", "note", "scope", "position", "state", "tags", "matter_id", "step", "number")}
		for range 1 + in.Below(2) {
			c.Values = append(c.Values, tape.Of(in, schema.Text(in.Text("g1", "g2", string(fuzzRow(1)), "claim")), schema.Null(), schema.Int(in.Int64(1)), schema.Blob(nil)))
		}
		if it.Kind == se.DeltaRow {
			it.Cells = append(it.Cells, c)
		}
	}
	return it
}

// odd changes a real message.
func (v *victim) odd(in *tape.Tape, m session.Message) session.Message {
	ctl := &v.dev.ctl
	switch m := m.(type) {
	case *session.Delta:
		d := *m
		for range 1 + in.Below(3) {
			switch in.Below(14) {
			case 0:
				d.From = se.Base{Epoch: in.Int64(1, 2), Seq: in.Int64(ctl.Cursor, ctl.Cursor+1)}
			case 1:
				d.To = se.Base{Epoch: in.Int64(1, 2), Seq: in.Int64(ctl.Cursor, ctl.Cursor+1, ctl.Cursor-1)}
			case 2:
				d.View = in.Text(ctl.View, ctl.StagedView)
			case 3:
				d.Reset = !d.Reset
			case 4:
				d.Done = !d.Done
			case 5:
				d.Scope = in.Text("g1", "g2", "")
			case 6:
				d.Start = se.Position{Seq: in.Int64(d.Start.Seq), Key: in.Text(d.Start.Key)}
			case 7:
				d.LastN = in.Int64(ctl.LastN, ctl.LastN+1)
			case 8, 9:
				d.Items = append(slices.Clone(d.Items), v.item(in))
			case 10:
				d.Scopes = slices.Clone(ctl.StagedAt)
			case 11:
				d.HLC = ctl.HLC + 1
			case 12:
				d.Scopes, d.Done, d.Items, d.Scope, d.Start, d.After = slices.Clone(ctl.StagedAt), true, nil, "", se.Position{}, se.Position{}
				d.To = se.Base{Epoch: in.Int64(1, 2), Seq: in.Int64(ctl.Cursor, ctl.Cursor+1, ctl.Cursor-1, ctl.Cursor+5)}
			case 13:
				d.Packed = []byte(in.Text(string(d.Packed)))
			}
		}
		return &d
	case *session.Welcome:
		w := *m
		for range 1 + in.Below(3) {
			switch in.Below(8) {
			case 0:
				w.LastN, w.Hash = ctl.LastN, ctl.Hash
			case 1:
				w.Epoch, w.Head = in.Int64(1, 2), in.Int64(7)
			case 2:
				w.Reset = !w.Reset
			case 3:
				w.Lost = []se.Grant{{Scope: "g2", Role: roleWorker, Doors: tape.Of(in, nil, []string{string(fuzzRow(1))}, []string{"x"})}}
			case 4:
				w.Anew = in.Int64(1, ctl.LastN)
			case 5:
				w.Receipt = in.Int64(1)
			case 6:
				w.Drain, w.View = in.Flag(2), in.Text(w.View, ctl.View)
			case 7:
				w.Lease, w.Floor = in.Int64(5000), in.Int64(3)
			}
		}
		return &w
	case *session.Manifest:
		x := *m
		x.Chunks = slices.Clone(x.Chunks)
		x.Chunks[0].Size, x.Chunks[0].Rows = int(in.Int64(int64(x.Chunks[0].Size))), in.Below(4)
		return &x
	case *session.Retire:
		return &session.Retire{Retire: se.Retire{Wipe: in.Flag(2), Done: in.Flag(2)}}
	case *session.Notice:
		return &session.Notice{Code: session.NoticeCode(in.Text("busy", "clock")), Text: in.Text("t"), Close: in.Flag(2)}
	}
	return m
}
