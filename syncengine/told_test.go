package syncengine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

const day = int64(24 * 3600 * 1000)

// tell lets a device say Hello, and answer with its last n if grants were lost.
func (d *dev) tell(n int64) *se.Welcome {
	d.w.t.Helper()
	w, err := d.w.e.Open(d.w.store, se.Hello{Device: d.id, LastN: d.n}, d.w.now)
	require.NoError(d.w.t, err)
	if len(w.Lost) > 0 {
		_, err := d.w.e.Record(d.w.store, se.Tell{Device: d.id, View: w.View, N: n}, d.w.now)
		require.NoError(d.w.t, err)
	}
	return w
}

func (d *dev) told() *se.Told {
	return view(d.w, func(tx se.ReadTx) (*se.Told, error) { return tx.Told(d.id) })
}

// moved is a worker who was moved from g1 to g2 now, and has not been told.
func (w *world) moved(d *dev) {
	w.store.SetPrincipal(d.id, &se.Principal{Account: d.who, Device: d.id, Grants: []se.Grant{
		{Scope: "g1", Role: "worker", To: w.now}, {Scope: "g2", Role: "worker", From: w.now},
	}})
}

// Whoever is moved keeps what he wrote before he could know: it is judged by what he could do then. What he writes
// after he was told, and what comes after his role's offline lifetime, waits for a supervisor.
func TestMovedWorkerKeepsHisWork(t *testing.T) {
	w := newWorld(t)
	w.s.Roles["worker"].Offline = 14
	a := w.dev("a", "worker")
	a.tell(0)
	s := a.ok(ins("home", rid(1), set("phone", 0, "1")))
	w.now += 1000
	w.moved(a)
	s2 := a.ok(upd("home", rid(1), set("phone", s, "2"))) // on the road, before he has heard of it
	a.ok(ins("home", rid(2)))
	welcome := a.tell(a.n + 2) // it has two more in its outbox
	require.Equal(t, []se.Grant{{Scope: "g1", Role: "worker"}}, welcome.Lost)
	require.Equal(t, 14*day, welcome.Lease)
	require.Equal(t, 14*day, welcome.Grants[0].Offline)
	require.Empty(t, w.next(a, s, false), "nothing of what ended is sent, whatever waits there")
	a.ok(upd("home", rid(1), set("phone", s2, "3")))
	a.ok(ins("home", rid(3)))
	require.Equal(t, "3", w.shows("home", rid(1), "phone"))
	a.refused(se.Parked, se.CodeGrantEnded, upd("home", rid(1), set("phone", s2, "4")))
	a.refused(se.Parked, se.CodeGrantEnded, ins("home", rid(4)))
	last := a.ok(se.Change{Table: "home", Row: rid(5), Op: se.OpInsert, Cells: []se.CellWrite{set("scope", 0, "g2")}})

	b := w.dev("b", "worker")
	b.tell(0)
	w.moved(b)
	w.now += 14 * day
	b.ok(upd("home", rid(1), set("phone", last, "5")))
	w.now += 1
	b.refused(se.Parked, se.CodeGrantEnded, upd("home", rid(1), set("phone", last, "6")))
	require.Equal(t, "5", w.shows("home", rid(1), "phone"))
}

// What is refused, or in a conflict, tells nothing of a scope that its author does not have any more.
func TestLateWorkIsToldNothing(t *testing.T) {
	w := newWorld(t)
	a, b := w.dev("a", "worker"), w.dev("b", "worker")
	a.tell(0)
	s := a.ok(ins("home", rid(1), set("head", 0, "x")))
	w.moved(a)
	b.ok(upd("home", rid(1), set("head", s, "of b")))
	v := a.push(upd("home", rid(1), set("head", s, "of a")))
	require.Equal(t, se.Accepted, v.Kind)
	require.Empty(t, v.Conflicts)
	reason := a.refused(se.Rejected, se.CodeCentralOnly, upd("home", rid(1), set("score", s, int64(1))))
	require.Empty(t, reason.Current)
}

// What a device made after it had heard may be judged before its answer is on record. The loss is as of the answer: the
// receipt names that n.
func TestReceiptNamesTheAnswer(t *testing.T) {
	w := newWorld(t)
	a := w.dev("a", "worker")
	a.tell(0)
	a.ok(ins("home", rid(1)))
	w.moved(a)
	n := a.n // it heard here
	a.ok(se.Change{Table: "home", Row: rid(2), Op: se.OpInsert, Cells: []se.CellWrite{set("scope", 0, "g2")}})
	a.tell(n)
	require.Equal(t, n, a.told().Lost[0].N)
	_, err := w.e.Record(w.store, se.Tell{Device: a.id, N: n, Purged: true, At: a.told().Lost[0].At}, w.now)
	require.NoError(t, err)
	require.NotZero(t, a.told().Lost[0].Purged)
}

// Two connections of one device: the older one greeted it for the view that its person has again, the newer one for another
// in between. Nothing goes out on either before what ended meanwhile is on record.
func TestToldOnAnotherConnection(t *testing.T) {
	w := newWorld(t)
	a := w.dev("a", "worker")
	older := a.tell(0)
	w.store.SetPrincipal(a.id, &se.Principal{Account: a.who, Device: a.id, Grants: []se.Grant{
		{Scope: "g1", Role: "worker"}, {Scope: "g2", Role: "worker", To: w.now + 10},
	}})
	require.NotEqual(t, older.View, a.tell(0).View)
	w.now += 10
	read := func() *se.Part {
		return view(w, func(tx se.ReadTx) (*se.Part, error) {
			return w.e.Next(tx, se.NextRequest{Device: a.id, View: older.View, Now: w.now, Budget: 1 << 20})
		})
	}
	part := read()
	require.Equal(t, older.View, part.View, "the person's view is as it was")
	require.True(t, part.Untold)
	require.Empty(t, part.Frames)
	require.Equal(t, []string{"g2"}, scopesOf(a.tell(0).Lost))
	part = read()
	require.False(t, part.Untold)
	require.NotEmpty(t, part.Frames)
}

func scopesOf(grants []se.Grant) (out []string) {
	for _, g := range grants {
		out = append(out, g.Scope)
	}
	return out
}

func TestToldOnlyOnce(t *testing.T) {
	w := newWorld(t)
	a := w.dev("a", "worker")
	first := a.tell(0)
	require.Empty(t, first.Lost)
	require.Equal(t, first.View, a.told().View)
	w.moved(a)
	welcome := a.tell(3)
	require.Len(t, welcome.Lost, 1)
	require.Equal(t, []se.Lost{{Grant: se.Grant{Scope: "g1", Role: "worker", To: w.now}, N: 3, At: w.now}}, a.told().Lost)
	at := w.now
	w.now += 5
	again := a.tell(9)
	require.Empty(t, again.Lost, "a device is told once")
	require.Equal(t, at, again.Receipt)
	_, err := w.e.Record(w.store, se.Tell{Device: a.id, View: again.View, N: 9}, w.now)
	require.NoError(t, err)
	require.EqualValues(t, 3, a.told().Lost[0].N, "and cannot say later that it had written more")
	_, err = w.e.Record(w.store, se.Tell{Device: a.id, View: "of another time", N: 9}, w.now)
	require.NoError(t, err)
	require.Len(t, a.told().Lost, 1)

	// The grant returns: what was lost is lost no more, and no receipt is wanted for it.
	w.store.SetPrincipal(a.id, &se.Principal{Account: "a", Device: a.id, Grants: []se.Grant{{Scope: "g1", Role: "worker"}}})
	back := a.tell(9)
	require.Equal(t, []se.Grant{{Scope: "g2", Role: "worker", From: at}}, back.Lost)
	require.NotContains(t, view(w, func(tx se.ReadTx) ([]string, error) {
		var scopes []string
		for _, l := range a.told().Lost {
			scopes = append(scopes, l.Grant.Scope)
		}
		return scopes, nil
	}), "g1")
}

// A receipt counts once everything that was written before has its verdict, and only for what it is about.
func TestPurgedWithoutPurge(t *testing.T) {
	w := newWorld(t)
	a := w.dev("a", "worker")
	a.tell(0)
	w.moved(a)
	a.tell(2)
	at := a.told().Lost[0].At
	receipt := func(n, at int64) {
		_, err := w.e.Record(w.store, se.Tell{Device: a.id, N: n, Purged: true, At: at}, w.now)
		require.NoError(t, err)
	}
	receipt(2, at)
	require.Zero(t, a.told().Lost[0].Purged, "two changesets have no verdict yet")
	a.ok(ins("home", rid(1)))
	a.ok(ins("home", rid(2)))
	receipt(1, at)
	receipt(2, at-1)
	require.Zero(t, a.told().Lost[0].Purged, "it is about something earlier")
	receipt(2, at)
	done := a.told().Lost[0].Purged
	require.Equal(t, w.now, done)
	w.now += 1000
	receipt(2, at)
	require.Equal(t, done, a.told().Lost[0].Purged, "said again it changes nothing")
	log := view(w, func(tx se.ReadTx) ([]se.AuditEvent, error) { return tx.Audit(0, 10) })
	require.Len(t, log, 1, "one line for the receipt that counted")
	require.Equal(t, []any{se.AuditPurged, a.who, a.id, done, `{"n":2}`}, []any{log[0].Kind, log[0].Who, log[0].Device, log[0].At, log[0].What})
	require.Zero(t, a.tell(0).Receipt)
}

// Whoever holds the same grant twice, because one follows the other with days in common, is shown what one of them shows:
// his replica is not made anew when the second comes or the first goes, and nothing ends with it.
func TestGrantedTwiceIsOneView(t *testing.T) {
	w := newWorld(t)
	once := se.Grant{Scope: "g1", Role: "worker"}
	short, long := once, once
	short.To, long.To = w.now+10, w.now+20
	a := w.dev("a", "worker", once)
	view1 := a.tell(0).View
	for grants, want := range map[[2]*se.Grant]*se.Grant{{&short, &once}: &once, {&once, &short}: &once, {&short, &long}: &long, {&long, &short}: &long} {
		w.store.SetPrincipal(a.id, &se.Principal{Account: a.who, Device: a.id, Grants: []se.Grant{*grants[0], *grants[1]}})
		welcome := a.tell(0)
		require.Equal(t, view1, welcome.View)
		require.Len(t, welcome.Grants, 1)
		require.Equal(t, want.To, welcome.Grants[0].To, "%+v, %+v", grants[0], grants[1])
		part := view(w, func(tx se.ReadTx) (*se.Part, error) {
			return w.e.Next(tx, se.NextRequest{Device: a.id, View: view1, Now: w.now, Budget: 1 << 20})
		})
		require.Equal(t, welcome.Grants[0].To, part.Until)
	}
	w.store.SetPrincipal(a.id, &se.Principal{Account: a.who, Device: a.id, Grants: []se.Grant{short, once}})
	w.now += 10
	require.Empty(t, a.tell(0).Lost)
	require.Empty(t, a.told().Lost)
}

// A door that is taken is a grant that ends for that door.
func TestDoorTaken(t *testing.T) {
	w := newWorld(t)
	b := w.dev("b", "worker")
	s := b.ok(ins("door", rid(1)), ins("door", rid(2)), ins("home", rid(11), set("door_id", 0, string(rid(1)))), ins("home", rid(12), set("door_id", 0, string(rid(2)))))
	both, one := []string{string(rid(1)), string(rid(2))}, []string{string(rid(2))}
	a := w.dev("a", "steward", se.Grant{Scope: "g1", Role: "steward", Doors: both})
	a.tell(0)
	w.store.SetPrincipal(a.id, &se.Principal{Account: "a", Device: a.id, Grants: []se.Grant{
		{Scope: "g1", Role: "steward", Doors: both, To: w.now}, {Scope: "g1", Role: "steward", Doors: one, From: w.now},
	}})
	a.ok(upd("home", rid(11), set("head", s, "before he knew")))
	require.Equal(t, []se.Grant{{Scope: "g1", Role: "steward", Doors: []string{string(rid(1))}}}, a.tell(a.n).Lost)
	a.refused(se.Parked, se.CodeGrantEnded, upd("home", rid(11), set("head", s, "after")))
	a.refused(se.Parked, se.CodeAwaits, upd("home", rid(99), set("head", s, "never was")))
	a.ok(upd("home", rid(12), set("head", s, "his own still")))
	require.EqualValues(t, "before he knew", w.shows("home", rid(11), "head"))
}

// A revoked device may drain: everything is kept whole, nothing is judged, and nothing is told.
func TestRevokedDeviceDrains(t *testing.T) {
	w := newWorld(t)
	a := w.dev("a", "worker")
	a.tell(0)
	s := a.ok(ins("home", rid(1), set("phone", 0, "1")))
	w.store.SetPrincipal(a.id, &se.Principal{Account: "a", Device: a.id, Revoked: true, Erase: true, Grants: []se.Grant{{Scope: "g1", Role: "worker"}}})
	_, err := w.e.Open(w.store, se.Hello{Device: a.id}, w.now)
	require.ErrorIs(t, err, se.ErrRevoked)
	var retire *se.Retire
	require.ErrorAs(t, err, &retire)
	require.Equal(t, se.Retire{Wipe: true}, *retire)
	r := a.refused(se.Parked, se.CodeDeviceRevoked, upd("home", rid(1), set("phone", s, "2")), upd("home", rid(77)))
	require.Equal(t, se.Reason{Code: se.CodeDeviceRevoked}, r)
	require.Equal(t, "1", w.shows("home", rid(1), "phone"))
	_, err = w.e.Record(w.store, se.Tell{Device: a.id, N: a.n - 1, Purged: true, Retire: true}, w.now)
	require.NoError(t, err)
	require.Zero(t, a.told().Retired, "something has no verdict on it yet")
	_, err = w.e.Record(w.store, se.Tell{Device: a.id, N: a.n, Purged: true, Retire: true}, w.now)
	require.NoError(t, err)
	require.Equal(t, w.now, a.told().Retired)
	_, err = w.e.Open(w.store, se.Hello{Device: a.id}, w.now)
	require.ErrorAs(t, err, &retire)
	require.True(t, retire.Done)
}

// A device may say that it had written anything when it was told: it gains the time that one has which stays offline, and
// no more. Backwards it loses nothing that it had sent.
func TestForgedDrain(t *testing.T) {
	for _, c := range []struct {
		name    string
		offline int   // days; 0 = the role has no limit
		life    int64 // days
	}{{"role with a limit", 14, 14}, {"role without", 0, 90}} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.s.Roles["worker"].Offline = c.offline
			a := w.dev("a", "worker")
			a.tell(0)
			s := a.ok(ins("home", rid(1), set("phone", 0, "1")))
			w.moved(a)
			end := w.now
			a.tell(1 << 62)
			require.Equal(t, a.n+se.MaxAhead, a.told().Lost[0].N)
			s = a.ok(upd("home", rid(1), set("phone", s, "made up since")))
			w.now = end + c.life*day
			s = a.ok(upd("home", rid(1), set("phone", s, "on the last day")))
			a.refused(se.Parked, se.CodeGrantEnded, upd("home", rid(1), set("phone", s, "later")))
			require.Equal(t, "on the last day", w.shows("home", rid(1), "phone"))
		})
	}
	w := newWorld(t)
	a := w.dev("a", "worker")
	a.tell(0)
	a.ok(ins("home", rid(1)))
	a.ok(ins("home", rid(2)))
	w.moved(a)
	a.tell(-5)
	require.LessOrEqual(t, a.told().Lost[0].N, int64(2))
	require.Equal(t, "g1", w.scope("home", rid(2)))
	a.refused(se.Parked, se.CodeGrantEnded, ins("home", rid(3)))
}

// A device that says Hello again and again and never answers what it is told gains no more either, also where nothing
// tells when its grant ended: then it was when the centre first found it gone. A grant that comes back is whole.
func TestNeverAnswers(t *testing.T) {
	w := newWorld(t)
	w.s.Roles["worker"].Offline = 14
	a := w.dev("a", "worker")
	a.tell(0)
	s := a.ok(ins("home", rid(1), set("phone", 0, "1")))
	grants := func(list ...se.Grant) {
		w.store.SetPrincipal(a.id, &se.Principal{Account: a.who, Device: a.id, Grants: list})
	}
	hello := func() {
		_, err := w.e.Open(w.store, se.Hello{Device: a.id, LastN: a.n}, w.now)
		require.NoError(t, err)
	}
	grants()
	end := w.now
	for i := range int64(15) {
		w.now = end + i*day
		hello()
		s = a.ok(upd("home", rid(1), set("phone", s, "again")))
	}
	hello()
	a.refused(se.Parked, se.CodeGrantEnded, upd("home", rid(1), set("phone", s, "later")))

	grants(se.Grant{Scope: "g1", Role: "worker"})
	hello()
	s = a.ok(upd("home", rid(1), set("phone", s, "he is back")))
	w.now += day
	grants()
	hello()
	s = a.ok(upd("home", rid(1), set("phone", s, "and gone")))
	w.now += 14*day + 1
	a.refused(se.Parked, se.CodeGrantEnded, upd("home", rid(1), set("phone", s, "later")))
}

// A receipt of what a revoked device held is none for its files: whoever decides later that they should go reaches it.
func TestErasedAfterTheReceipt(t *testing.T) {
	w := newWorld(t)
	a := w.dev("a", "worker")
	a.tell(0)
	p := &se.Principal{Account: "a", Device: a.id, Revoked: true, Grants: []se.Grant{{Scope: "g1", Role: "worker"}}}
	w.store.SetPrincipal(a.id, p)
	hello := func() se.Retire {
		_, err := w.e.Open(w.store, se.Hello{Device: a.id}, w.now)
		var retire *se.Retire
		require.ErrorAs(t, err, &retire)
		return *retire
	}
	receipt := func() {
		_, err := w.e.Record(w.store, se.Tell{Device: a.id, N: a.n, Purged: true, Retire: true}, w.now)
		require.NoError(t, err)
	}
	receipt()
	first := w.now
	require.Equal(t, se.Retire{Done: true}, hello())
	w.now += 1000
	receipt()
	require.Equal(t, first, a.told().Retired, "said again it changes nothing")
	erase := *p
	erase.Erase, erase.Erased = true, w.now
	w.store.SetPrincipal(a.id, &erase)
	require.Equal(t, se.Retire{Wipe: true}, hello(), "there is something left to do")
	require.Equal(t, first, a.told().Retired)
	w.now += 1000
	receipt()
	require.Equal(t, se.Retire{Wipe: true, Done: true}, hello())
	require.Equal(t, w.now, a.told().Retired)
	log := view(w, func(tx se.ReadTx) ([]se.AuditEvent, error) { return tx.Audit(0, 10) })
	require.Len(t, log, 2, "one line for each receipt that counted")
}
