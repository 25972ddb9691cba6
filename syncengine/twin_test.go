package syncengine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// copyOf is another device of the same person that holds a copy of the replica.
func (d *dev) copyOf(name string) *dev {
	c := d.w.dev(name, "worker")
	c.who = d.who
	d.w.store.SetPrincipal(c.id, &se.Principal{Account: d.who, Device: c.id, Grants: []se.Grant{{Scope: "g1", Role: "worker"}}})
	return c
}

// offers sends what another copy made, under this one's name.
func (d *dev) offers(cs *se.Changeset) se.Verdict {
	d.w.t.Helper()
	own := *cs
	own.Device, own.Prev = d.id, d.hash
	r := d.send(&own)
	require.NoError(d.w.t, r.Err)
	require.Equal(d.w.t, own.Hash(), r.Verdict.Hash)
	d.n, d.hash = own.N, own.Hash()
	return r.Verdict
}

// The centre was put back to before some work, and to before it knew that two replicas hold it. Both offer it; it takes
// effect once, and what either wrote after it replaces it.
func TestOneWorkUnderTwoNames(t *testing.T) {
	for _, first := range []string{"the copy comes first", "the copy comes second"} {
		t.Run(first, func(t *testing.T) {
			w := newWorld(t)
			a := w.dev("a", "worker")
			b := a.copyOf("copy")
			w.rewind(0, true)
			if first == "the copy comes first" {
				a, b = b, a
			}
			count := se.CellWrite{Cell: "count", Add: schema.Int(1)}
			work := a.make(ins("home", rid(1), set("head", 0, "old"), count))
			v := a.offers(work)
			require.Equal(t, se.Accepted, v.Kind)
			again := b.offers(work)
			again.Hash = v.Hash
			require.Equal(t, v, again)
			require.Len(t, w.history(), 1)
			require.Equal(t, "1", w.shows("home", rid(1), "count"))

			w.now -= 500 // a clock that is slow: it had what it replaces before it
			require.Equal(t, se.Accepted, b.push(upd("home", rid(1), set("head", 0, "new"))).Kind)
			require.Equal(t, "new", w.shows("home", rid(1), "head"))
			require.Nil(t, w.open(se.ConflictCell, "home", rid(1), "head"))
			require.Equal(t, se.Conflicts, a.push(upd("home", rid(1), set("head", 0, "apart"))).Kind, "of what came after, neither had the other's")
		})
	}
}

// Work that was refused lies in quarantine once, under the name that it came under first. Either copy may correct it, and
// the first to do so does.
func TestRefusedWorkUnderTwoNames(t *testing.T) {
	for _, first := range []string{"the first corrects it", "the second corrects it"} {
		t.Run(first, func(t *testing.T) {
			w := newWorld(t)
			a := w.dev("a", "worker")
			b := a.copyOf("copy")
			w.rewind(0, true)
			work := a.make(ins("home", rid(1), set("score", 0, int64(1))))
			v := a.offers(work)
			require.Equal(t, se.Rejected, v.Kind)
			require.Equal(t, v.Reason, b.offers(work).Reason)
			one, other := a, b
			if first == "the second corrects it" {
				one, other = b, a
			}
			correct := func(d *dev) se.Verdict {
				cs := d.make(ins("home", rid(1), set("phone", 0, d.id)))
				cs.Replaces = work.N
				return d.offers(cs)
			}
			require.Equal(t, se.Accepted, correct(one).Kind)
			again := correct(other)
			require.Equal(t, se.Rejected, again.Kind)
			require.Equal(t, se.CodeHandled, again.Reason.Code)
			require.Equal(t, se.SettledRetried, w.quarantined(a, work.N).Outcome)
		})
	}
}

// What lies parked under the other copy's name is overtaken by what this one writes since, as its own would be: released, it
// does not come back over that.
func TestParkedWorkUnderTwoNamesIsOvertaken(t *testing.T) {
	w := newWorld(t)
	a, ben := w.dev("a", "worker"), w.dev("ben", "worker")
	b := a.copyOf("copy")
	w.rewind(0, true)
	row := a.make(ins("home", rid(1), set("head", 0, "Li")))
	for _, d := range []*dev{a, b} {
		require.Equal(t, se.Accepted, d.offers(row).Kind)
	}
	shared := a.make(upd("home", rid(1), set("head", 0, "old"), set("phone", 0, "7")), upd("home", rid(8), set("head", 0, "x")))
	for _, d := range []*dev{a, b} {
		require.Equal(t, se.Parked, d.offers(shared).Kind)
	}
	b.ok(upd("home", rid(1), set("head", 0, "new")))
	ben.ok(ins("home", rid(8)))
	require.Equal(t, se.SettledReleased, w.quarantined(a, shared.N).Outcome)
	require.Equal(t, "new", w.shows("home", rid(1), "head"), "written again since, on the copy")
	require.Equal(t, "7", w.shows("home", rid(1), "phone"))
	require.Nil(t, w.open(se.ConflictCell, "home", rid(1), "head"))
}

// Nobody's work is taken from him by who says the same.
func TestTheSameWorkOfSomebodyElse(t *testing.T) {
	w := newWorld(t)
	a, eve := w.dev("a", "worker"), w.dev("eve", "worker")
	w.rewind(0, true)
	work := a.make(ins("home", rid(1)))
	v := eve.offers(work)
	require.Equal(t, se.Rejected, v.Kind)
	require.Equal(t, se.CodeWrongAuthor, v.Reason.Code)
	require.Equal(t, se.Accepted, a.offers(work).Kind)
	require.NotNil(t, w.row("home", rid(1)))
}
