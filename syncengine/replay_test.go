package syncengine_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// everything is all that a replay could have changed: rows, history, conflicts' rows, quarantine, audit and messages.
func (w *world) everything(devs ...*dev) string {
	out := fmt.Sprintln(w.holds("g1"), w.holds("g2"), len(w.store.Quarantine()), view(w, func(tx se.ReadTx) ([]se.AuditEvent, error) { return tx.Audit(0, 999) }))
	for _, e := range w.history() {
		out += fmt.Sprintln(e.Seq, e.Hash)
	}
	for _, d := range devs {
		out += fmt.Sprintln(w.messages(d), view(w, func(tx se.ReadTx) (*se.Device, error) { return tx.Device(d.id) }))
	}
	return out
}

// Whoever recorded what a device sent, and sends it once more, changes nothing: after a second, after a day, after the
// person lost his grants, and after the device was revoked. He hears the verdicts of then (S6).
func TestReplayedSession(t *testing.T) {
	w := newWorld(t)
	a, b := w.dev("a", "worker"), w.dev("b", "worker")
	var recorded []*se.Changeset
	var verdicts []se.Verdict
	say := func(changes ...se.Change) {
		cs := a.make(changes...)
		verdicts = append(verdicts, a.push(changes...))
		cs.Wall, cs.Mono = w.now-1000, w.now-1000
		recorded = append(recorded, cs)
	}
	add := func(base int64) se.Change {
		return upd("home", rid(1), se.CellWrite{Cell: "count", Base: se.Base{Epoch: 1, Seq: base}, Add: set("x", 0, int64(5)).Values[0]})
	}
	say(ins("home", rid(1), set("phone", 0, "1"), set("head", 0, "王")), ins("wish", rid(2), set("title", 0, "x")))
	say(add(1))
	b.ok(upd("home", rid(1), set("phone", 1, "2")))
	say(upd("home", rid(1), set("head", 2, "李")))
	say(upd("home", rid(1), set("nothing", 1, "x"))) // refused
	say(del("wish", rid(2), 1))
	require.Equal(t, se.Rejected, verdicts[3].Kind)
	before := w.everything(a, b)
	replay := func(when string) {
		for i, cs := range recorded {
			r := a.send(cs)
			require.NoError(t, r.Err, when)
			require.Equal(t, verdicts[i], r.Verdict, when)
		}
		var group []se.Submission // and all at once, backwards
		for i := range recorded {
			group = append(group, se.Submission{Changeset: recorded[len(recorded)-1-i], Now: w.now})
		}
		for _, r := range w.e.Commit(w.store, group) {
			require.NoError(t, r.Err, when)
		}
		require.Equal(t, before, w.everything(a, b), when)
	}
	replay("at once")
	w.now += 1000
	replay("after a second")
	w.now += day
	replay("after a day")
	w.store.SetPrincipal(a.id, &se.Principal{Account: "a", Device: a.id})
	replay("after the grants ended")
	w.store.SetPrincipal(a.id, &se.Principal{Account: "a", Device: a.id, Revoked: true})
	replay("after revocation")

	// Under a number that is still free the recorded words are another changeset, and its chain does not fit.
	moved := *recorded[1]
	moved.N = a.n + 1
	require.ErrorIs(t, a.send(&moved).Err, se.ErrClone)
	// As another device's they are in a name that is not its person's.
	stolen := *recorded[1]
	stolen.Device, stolen.N, stolen.Prev = b.id, b.n+1, b.hash
	r := b.send(&stolen)
	require.NoError(t, r.Err)
	require.Equal(t, se.CodeWrongAuthor, r.Verdict.Reason.Code)
	require.Equal(t, "5", w.shows("home", rid(1), "count"))
}
