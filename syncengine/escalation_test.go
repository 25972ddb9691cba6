package syncengine_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// strangers is a county with a worker of g1 and one of g2, and what belongs to each: a door, a home at it, a visit, a wish.
type strangers struct {
	*world
	own, far *dev
	seen     int64 // head when all of it was there
}

func newStrangers(t *testing.T) *strangers {
	w := newWorld(t)
	s := &strangers{world: w, own: w.dev("own", "worker"), far: w.dev("far", "worker", se.Grant{Scope: "g2", Role: "worker"})}
	for i, d := range []*dev{s.own, s.far} {
		at, scope := 10*(i+1), []string{"g1", "g2"}[i]
		d.ok(in(scope, ins("door", rid(at))), in(scope, ins("home", rid(at+1), set("door_id", 0, string(rid(at))), set("phone", 0, "1"))),
			in(scope, ins("log", rid(at+2), set("home_id", 0, string(rid(at+1))))), in(scope, ins("wish", rid(at+3), set("title", 0, "x"))))
	}
	s.seen = w.head()
	return s
}

// in puts an insert into another scope.
func in(scope string, c se.Change) se.Change {
	c.Cells[0] = set("scope", 0, scope)
	return c
}

// holds tells everything that lies in a scope, each row with all it holds.
func (w *world) holds(scope string) []string {
	var out []string
	for _, t := range w.s.Tables {
		for _, id := range w.store.RowIDs(t.Name) {
			if r := w.row(t.Name, id); r != nil && r.Scope == scope {
				out = append(out, fmt.Sprintf("%s %+v", t.Name, *r))
			}
		}
	}
	return out
}

// Nobody gets a row out of his own grid into one where he has no right, nor one from there into his own, whichever way
// leads there, in one changeset or several: row before and row after are judged, in the transaction that writes (S4).
func TestScopeEscalation(t *testing.T) {
	far, own := func(n int) string { return string(rid(20 + n)) }, func(n int) string { return string(rid(10 + n)) }
	type changes = []se.Change
	for name, series := range map[string][]changes{
		"own row out":                      {{upd("home", rid(11), set("scope", 2, "g2"))}},
		"own door out, all that is at it":  {{upd("door", rid(10), set("scope", 2, "g2"))}},
		"foreign row in":                   {{upd("home", rid(21), set("scope", 2, "g1"))}},
		"foreign door in":                  {{upd("door", rid(20), set("scope", 2, "g1"))}},
		"foreign row in and edited":        {{upd("home", rid(21), set("scope", 2, "g1"), set("phone", 2, "2"))}},
		"a foreign id inserted":            {{ins("home", rid(21), set("phone", 0, "2"))}},
		"a foreign id inserted there":      {{in("g2", ins("home", rid(21), set("phone", 0, "2")))}},
		"a new row there":                  {{in("g2", ins("home", rid(50)))}},
		"a foreign row deleted":            {{del("home", rid(21), 2)}},
		"a foreign row deleted, then made": {{del("home", rid(21), 2)}, {ins("home", rid(21))}},
		"own home to a foreign door":       {{upd("home", rid(11), set("door_id", 2, far(0)))}},
		"a new home at a foreign door":     {{ins("home", rid(50), set("door_id", 0, far(0)))}},
		"a visit to a foreign home":        {{ins("log", rid(50), set("home_id", 0, far(1)))}},
		"a foreign home to an own door":    {{upd("home", rid(21), set("door_id", 2, own(0)))}},
		"a step of a foreign case":         {{ins("claim", rid(50), set("wish_id", 0, far(3)), set("step", 0, "claim"))}},
		"beside something allowed":         {{upd("home", rid(11), set("phone", 2, "2")), upd("home", rid(21), set("phone", 2, "2"))}},
		"a chain in one changeset": {{ins("door", rid(50)), ins("home", rid(51), set("door_id", 0, string(rid(50)))),
			upd("home", rid(11), set("door_id", 2, string(rid(50)))), upd("door", rid(10), set("scope", 2, "g2"))}},
		"a chain in three": {{ins("door", rid(50))}, {upd("home", rid(11), set("door_id", 2, string(rid(50))))}, {upd("door", rid(50), set("scope", 3, "g2"))}},
		"scope and parent": {{upd("home", rid(11), set("scope", 2, "g2"), set("door_id", 2, far(0)))}},
		"a new door, the own home on it, out": {
			{ins("door", rid(50)), upd("home", rid(11), set("door_id", 2, string(rid(50))))}, {upd("home", rid(11), set("scope", 3, "g2"))}},
		"no scope":       {{upd("home", rid(11), set("scope", 2, nil))}},
		"an empty scope": {{upd("home", rid(11), set("scope", 2, ""))}},
		"written otherwise": {{upd("home", rid(11), set("scope", 2, "g2 "))}, {upd("home", rid(11), set("scope", 2, "G2"))}, {upd("home", rid(11), set("scope", 2, "g2\x00"))},
			{upd("home", rid(11), set("scope", 2, "g1/../g2"))}, {upd("home", rid(11), set("scope", 2, "%"))}},
		"by decision": {{{Op: se.OpDecide, Decide: &se.Decision{Choice: se.ChoiceRelease, Quarantined: se.WriteID{Device: "dev-far", N: 1}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStrangers(t)
			there, members := s.holds("g2"), len(s.holds("g1"))
			for _, changes := range series {
				s.own.push(changes...)
			}
			require.Equal(t, there, s.holds("g2"), "what lies in the foreign scope is what it was")
			require.GreaterOrEqual(t, len(s.holds("g1")), members, "and nothing went where nobody is")
			s.far.ok(upd("home", rid(21), set("phone", s.seen, "9")))
			require.Equal(t, "9", s.shows("home", rid(21), "phone"))
			s.own.ok(upd("home", rid(11), set("level", 0, "high")))
		})
	}
	s := newStrangers(t) // and it is the right alone that lacks
	s.store.SetPrincipal(s.own.id, &se.Principal{Account: "own", Device: s.own.id, Grants: []se.Grant{{Scope: "g1", Role: "worker"}, {Scope: "g2", Role: "worker"}}})
	s.own.ok(upd("door", rid(10), set("scope", s.seen, "g2")), ins("log", rid(50), set("home_id", 0, far(1))))
	require.Len(t, s.holds("g2"), 8)
}

// A grant that ends between two changesets of one group ends between them: what was handed in together is not judged
// together (S4).
func TestScopeEscalationRacingAGrantsEnd(t *testing.T) {
	w := newWorld(t)
	a := w.dev("a", "worker", se.Grant{Scope: "g1", Role: "worker"}, se.Grant{Scope: "g2", Role: "worker", To: w.now + 10})
	at := a.make(ins("home", rid(1)), ins("home", rid(2)))
	require.Equal(t, se.Accepted, a.send(at).Verdict.Kind)
	a.n, a.hash = at.N, at.Hash()
	first := a.make(upd("home", rid(1), set("scope", 1, "g2")))
	a.n, a.hash = first.N, first.Hash()
	second := a.make(upd("home", rid(2), set("scope", 1, "g2")))
	res := w.e.Commit(w.store, []se.Submission{{Changeset: first, Now: w.now + 9}, {Changeset: second, Now: w.now + 10}})
	require.NoError(t, res[0].Err)
	require.NoError(t, res[1].Err)
	require.Equal(t, se.Accepted, res[0].Verdict.Kind)
	require.False(t, res[1].Verdict.Kind.Effective(), "%+v", res[1].Verdict)
	require.Equal(t, "g2", w.shows("home", rid(1), "scope"))
	require.Equal(t, "g1", w.shows("home", rid(2), "scope"))
}
