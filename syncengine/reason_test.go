package syncengine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// why gives what a device is told now of decisions: the choice and the reason of each.
func (d *dev) why() (out [][2]string) {
	d.w.t.Helper()
	part := view(d.w, func(tx se.ReadTx) (*se.Part, error) {
		return d.w.e.Next(tx, se.NextRequest{Device: d.id, Now: d.w.now, Budget: 1 << 20})
	})
	for _, m := range part.Messages {
		if m.Kind == se.MessageDecided {
			out = append(out, [2]string{string(m.Choice), m.Reason})
		}
	}
	return out
}

// A decision's reason reaches those whom it concerns in the supervisor's words, but nobody who does not read all that the
// supervisor saw: he may have quoted it.
func TestReasonReachesWhoReadsAllOfIt(t *testing.T) {
	w := newWorld(t)
	w.s.Roles["watcher"] = &schema.Role{Name: "watcher"}
	w.s.Table("home").Views["watcher"] = &schema.View{Rows: schema.RowsAll, Masks: map[string]schema.Mask{"head": schema.MaskName}}
	w.s.Roles["short"] = &schema.Role{Name: "short"}
	w.s.Table("home").Views["short"] = &schema.View{Rows: schema.RowsAll, Hidden: []string{"secret"}}
	a, b, boss := w.dev("a", "worker"), w.dev("b", "worker"), w.dev("boss", "boss")
	now := func(d *dev, role string) {
		w.store.SetPrincipal(d.id, &se.Principal{Account: d.who, Device: d.id, Grants: []se.Grant{{Scope: "g1", Role: role}}})
	}
	s := a.ok(ins("home", rid(1), set("head", 0, "王")), ins("home", rid(2)))
	a.ok(upd("home", rid(1), set("head", s, "李")))
	v := b.push(upd("home", rid(1), set("head", s, "张")))
	con := w.open(se.ConflictCell, "home", rid(1), "head")
	boss.ok(se.Change{Op: se.OpDecide, Base: se.Base{Epoch: 1, Seq: v.Seq}, Decide: &se.Decision{
		Conflict: con.ID, Choice: se.ChoiceKeep, Shown: []se.WriteID{con.Candidates[0].ID()}, Reason: "户口本上是张"}})
	for _, d := range []*dev{a, b} {
		require.Equal(t, [][2]string{{"keep", "户口本上是张"}}, d.why(), d.who)
	}
	now(a, "watcher")
	require.Equal(t, [][2]string{{"keep", ""}}, a.why(), "the name is masked for him now")
	now(a, "short")
	require.Equal(t, [][2]string{{"keep", "户口本上是张"}}, a.why(), "what is hidden from him was not in question")
	now(a, "worker")

	// About a deleted row the supervisor saw all of it.
	s = a.ok(upd("home", rid(2), set("phone", s, "1")))
	b.ok(se.Change{Table: "home", Row: rid(2), Op: se.OpDelete, Base: se.Base{Epoch: 1, Seq: s}})
	v = a.push(upd("home", rid(2), set("phone", s, "2")))
	con = w.open(se.ConflictDelete, "home", rid(2), "")
	require.NotNil(t, con)
	boss.ok(se.Change{Op: se.OpDecide, Base: se.Base{Epoch: 1, Seq: v.Seq}, Decide: &se.Decision{
		Conflict: con.ID, Choice: se.ChoiceKeep, Shown: []se.WriteID{con.Candidates[0].ID()}, Reason: "已搬走"}})
	require.Equal(t, [2]string{"keep", "已搬走"}, a.why()[1])
	now(a, "short")
	require.Equal(t, [2]string{"keep", ""}, a.why()[1])
}
