package syncengine

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// Of the ended grants of a device so many are kept; beyond that the oldest of which the receipt came go first, and those
// without one stay, however many they are.
func TestEndedGrantsThatAreKept(t *testing.T) {
	ended := func(n int, purged func(int) bool) *Told {
		told := &Told{Device: "d"}
		for i := range n {
			l := Lost{Grant: Grant{Scope: fmt.Sprint("g", i), Role: "worker"}}
			if purged(i) {
				l.Purged = 1
			}
			told.Lost = append(told.Lost, l)
		}
		return told
	}
	scopes := func(told *Told) (out []string) {
		told.tell("v", &Principal{}, 7, 0)
		for _, l := range told.Lost {
			out = append(out, l.Grant.Scope)
		}
		return out
	}
	odd := func(i int) bool { return i%2 == 1 }
	got := scopes(ended(maxLost+3, odd))
	require.Len(t, got, maxLost)
	require.Equal(t, []string{"g0", "g2", "g4", "g6", "g7", "g8"}, got[:6], "1, 3 and 5 were purged, and are the oldest of those")
	require.Len(t, scopes(ended(maxLost, odd)), maxLost)
	require.Len(t, scopes(ended(maxLost+3, func(int) bool { return false })), maxLost+3)
	require.Len(t, scopes(ended(maxLost+3, func(i int) bool { return i == maxLost+2 })), maxLost+2)
}

// When a grant ended, its own kind tells: the same role in the same scope, and of doors one that names one of them.
func TestWhenAGrantEnded(t *testing.T) {
	p := &Principal{Grants: []Grant{
		{Scope: "g2", Role: "worker", To: 50}, {Scope: "g1", Role: "boss", To: 60}, {Scope: "g1", Role: "worker", To: 20}, {Scope: "g1", Role: "worker", To: 30},
		{Scope: "g1", Role: "worker", To: 500}, {Scope: "g1", Role: "steward", Doors: []string{"a"}, To: 40},
	}}
	const now = 100
	for want, g := range map[int64]Grant{
		30:  {Scope: "g1", Role: "worker"},
		50:  {Scope: "g2", Role: "worker"},
		40:  {Scope: "g1", Role: "steward", Doors: []string{"a", "b"}},
		70:  {Scope: "g1", Role: "steward", Doors: []string{"b"}, To: 70},
		now: {Scope: "g3", Role: "worker", To: 101},
	} {
		require.Equal(t, want, ending(p, &g, now), "%+v", g)
	}
}
