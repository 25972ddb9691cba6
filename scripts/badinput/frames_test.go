package badinput

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// frame is a message that no well-made device sends.
type frame struct {
	class  string
	name   string
	format wire.Format
	fresh  bool // instead of Hello
	bytes  []byte
	kind   int    // of the WebSocket message; 0 = the format's
	raw    bool   // straight onto the connection, past the WebSocket
	passed bool   // it is passed over: the connection goes on
	close  int    // else: the close code
	path   string // that the notice names
	silent bool   // no notice comes: the WebSocket itself was broken
	socket bool   // there is no other way to hand it in
}

// message is a JSON tree that can be changed at a path.
type message any

func treeOf(m session.Message) message {
	b, err := wire.Marshal(m, wire.JSON)
	if err != nil {
		panic(err)
	}
	return parsed(b)
}

func parsed(b []byte) (m message) {
	if err := json.Unmarshal(b, &m); err != nil {
		panic(err)
	}
	return m
}

func textOf(m message) []byte {
	b, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return b
}

// at gives a copy of the tree with another value at a path such as push.changesets.0.n; nil takes the field away.
func at(m message, path string, v any) message {
	out := parsed(textOf(m))
	keys := strings.Split(path, ".")
	node := any(out)
	for i, k := range keys {
		last := i == len(keys)-1
		switch x := node.(type) {
		case map[string]any:
			if last && v == nil {
				delete(x, k)
			} else if last {
				x[k] = v
			} else {
				if x[k] == nil {
					x[k] = map[string]any{}
				}
				node = x[k]
			}
		case []any:
			var j int
			fmt.Sscan(k, &j)
			if last {
				x[j] = v
			} else {
				node = x[j]
			}
		default:
			panic("bug: no such path " + path)
		}
	}
	return out
}

// paths lists every field of a tree, in order; leaves tells which have nothing below them.
func paths(m message) (all, leaves []string) {
	var walk func(node any, path string)
	walk = func(node any, path string) {
		if path != "" {
			all = append(all, path)
		}
		join := func(k any) string { return strings.TrimPrefix(fmt.Sprint(path, ".", k), ".") }
		switch x := node.(type) {
		case map[string]any:
			for _, k := range sorted(x) {
				walk(x[k], join(k))
			}
		case []any:
			for i := range x {
				walk(x[i], join(i))
			}
		default:
			leaves = append(leaves, path)
		}
	}
	walk(m, "")
	return all, leaves
}

// named writes a path as notices do: push.changesets[0].n.
func named(path string) string {
	var b strings.Builder
	for i, k := range strings.Split(path, ".") {
		if k[0] >= '0' && k[0] <= '9' {
			fmt.Fprintf(&b, "[%s]", k)
			continue
		}
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(k)
	}
	return b.String()
}

// templates are messages of a device with every field set.
type templates struct{ hello, push, seen, check, drain, purged message }

func (w *twins) templates() templates {
	p := w.phones["worker"]
	hash := se.Hash{1, 2, 3}
	h := p.hello()
	h.Epoch, h.Cursor, h.View, h.Staged, h.StagedView = 1, 1, "v", []se.StagedScope{{Scope: grid1, After: se.Position{Seq: 1, Key: "k"}}}, "v"
	h.LastN, h.LastHash, h.Acked, h.Inbox, h.HLC, h.History, h.MAC, h.Unpacks = 3, hash, 2, 1, 7, hash, hash, []string{"deflate"}
	h.Waiting, h.Oldest, h.FreeBytes, h.Checked, h.Repaired = 1, 1, 1, 1, 1
	base := se.Base{Epoch: 1, Seq: 1}
	cs := p.make(
		se.Change{Table: "hazard", Row: rowID(0x600, 1), Op: se.OpUpdate, Cells: []se.CellWrite{{Cell: "location", Base: base, Values: []schema.Value{schema.Text("x")}}, {Cell: "photos", Base: base, In: []string{"a"}, Out: []string{"b"}}}},
		se.Change{Table: "wish", Row: rowID(0x600, 2), Op: se.OpUpdate, Cells: []se.CellWrite{{Cell: "supporters", Base: base, Add: schema.Int(1)}}},
		se.Change{Table: "wish", Row: rowID(0x600, 3), Op: se.OpDelete, Base: base},
		se.Change{Table: "wish", Row: rowID(0x600, 4), Op: se.OpDecide, Base: base, Decide: &se.Decision{
			Conflict: "1-0", Choice: se.ChoiceMerge, Shown: []se.WriteID{{Device: "d", N: 1}}, Take: se.WriteID{Device: "d", N: 1}, Values: []schema.Value{schema.Int(1)}, Reason: "r",
			Survivor: rowID(0x600, 5), Retired: []se.RowID{rowID(0x600, 6)}, Picks: []se.Pick{{Cell: "title", Row: rowID(0x600, 6)}},
		}})
	cs.Prev, cs.HLC, cs.Replaces, cs.Foreign = hash, 9, 1, true
	return templates{
		hello: treeOf(&session.Hello{Hello: h}), push: treeOf(&session.Push{Changesets: []*se.Changeset{cs}}),
		seen: treeOf(&session.Seen{Frames: 1, Epoch: 1, Cursor: 1, View: "v", Inbox: 1, Acked: 1}),
		check: treeOf(&session.Check{Check: se.Check{Number: 1, At: base, View: "v", Scope: grid1, Tables: []se.TableDigest{{
			Table: "wish", Columns: []string{"title"}, Buckets: 4, Filled: []se.Bucket{{Index: 1, Digest: se.Digest{Count: 1, Hi: 1, Lo: 1}}, {Index: 2, Digest: se.Digest{Count: 1}}}}}}}),
		drain: treeOf(&session.Drain{Drain: se.Drain{View: "v", N: 1}}), purged: treeOf(&session.Purged{Purged: se.Purged{View: "v", N: 1}}),
	}
}

// all lists them; Hello is sent instead of the good one.
func (t templates) all() map[string]message {
	return map[string]message{"hello": t.hello, "push": t.push, "seen": t.seen, "check": t.check, "drain": t.drain, "purged": t.purged}
}

// protobuf gives the protobuf form of a tree that is right.
func protobuf(m message) []byte {
	x, err := wire.Unmarshal(textOf(m), wire.JSON, se.DefaultLimits)
	if err != nil {
		panic(err)
	}
	b, err := wire.Marshal(x, wire.Binary)
	if err != nil {
		panic(err)
	}
	return b
}

// framesRun hands every frame in, alone and through a socket.
func (w *twins) framesRun(t *testing.T, c *corpus, list []frame) {
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].class == list[0].class {
			n++
		}
		slices.SortStableFunc(list[:n], func(a, b frame) int { return strings.Compare(a.name, b.name) })
		same := spread(list[:n], most, 0)
		list = list[n:]
		t.Run(same[0].class, func(t *testing.T) {
			defer w.on(t)()
			before := w.digest(w.probeRows()...)
			for i := range same {
				x := &same[i]
				if !t.Run(x.name, func(t *testing.T) {
					defer w.on(t)()
					w.frame(x)
				}) {
					w.phones["worker"].hangUp()
				}
				c.note(x.class, "message", x.answer())
			}
			require.Equal(t, before, w.digest(w.probeRows()...), "nothing else at the centre has changed")
		})
	}
}

func (w *twins) probeRows() (out []se.RowID) {
	for _, x := range w.probe {
		out = append(out, x.Row)
	}
	return out
}

func (x *frame) answer() string {
	if x.passed {
		return "passed over"
	}
	return fmt.Sprintf("closed `%s` (%d)", wire.NoticeOf(x.close), x.close)
}

func (w *twins) frame(x *frame) {
	w.t.Helper()
	if !x.socket {
		w.costs(x.class+": "+x.name, func() { w.frameAlone(x) })
	}
	p := w.phones["worker"]
	head := w.head()
	if x.fresh {
		p.dial(x.format)
	} else {
		p.greet(x.format)
	}
	began := time.Now()
	switch {
	case x.raw:
		_, err := p.ws.NetConn().Write(x.bytes)
		require.NoError(w.t, err)
	case x.kind != 0:
		require.NoError(w.t, p.ws.WriteMessage(x.kind, x.bytes))
	default:
		require.NoError(w.t, p.send(x.bytes))
	}
	if !x.passed {
		notice, code := p.closed()
		w.timed(x.class+": "+x.name, began)
		require.Equal(w.t, x.close, code, "%+v", notice)
		if x.silent {
			require.Nil(w.t, notice)
		} else {
			require.NotNil(w.t, notice)
			require.Equal(w.t, wire.NoticeOf(code), notice.Code)
			require.Contains(w.t, notice.Text, x.path)
			w.noticed(notice)
		}
		require.Equal(w.t, head, w.head())
		p.greet(wire.Binary)
	}
	good := w.good(p)
	v := p.push(good)[0]
	require.Equal(w.t, se.Accepted, v.Kind, "%+v", v.Reason)
	w.same(v, w.direct(good), good)
	p.took(good)
}

// frameAlone asks the codec and the centre's end of a conversation, without a socket.
func (w *twins) frameAlone(x *frame) {
	w.t.Helper()
	m, err := wire.Unmarshal(x.bytes, x.format, limits)
	if err != nil {
		e := &wire.Error{}
		require.True(w.t, errors.As(err, &e), "%T", err)
		code := wire.CloseMalformed
		if e.TooLarge {
			code = wire.CloseTooLarge
		}
		require.Equal(w.t, x.close, code, "%v", err)
		require.Contains(w.t, e.Error(), x.path)
		return
	}
	c := session.NewCentre(limits, 0)
	if !x.fresh {
		c.Receive(&session.Hello{Hello: w.phones["worker"].hello()}, 0)
		c.Opened(&se.Welcome{Epoch: 1, View: "v", Reset: true}, "", "", 0)
		done := se.Delta{Done: true, View: "v", Reset: true, To: se.Base{Epoch: 1, Seq: 1}}
		c.Advanced(&se.Part{View: "v", Reset: true, Frames: []se.Delta{done}}, 0)
		c.Receive(&session.Seen{Frames: 1, Epoch: 1, Cursor: 1, View: "v"}, 0)
	}
	effects := c.Receive(m, 0)
	i := slices.IndexFunc(effects, func(e session.Effect) bool { _, ok := e.(*session.Close); return ok })
	if x.passed {
		require.Negative(w.t, i)
		return
	}
	require.GreaterOrEqual(w.t, i, 0, "it was taken: %+v", effects)
	end := effects[i].(*session.Close)
	require.Equal(w.t, x.close, wire.CloseCode(end.Code), end.Text)
	require.Contains(w.t, end.Text, x.path)
}
