package replica

import (
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// What a Welcome takes away is drained and purged; what it gives back is left alone; once the centre wants no receipt any
// more, all of it is over.
func TestLeaving(t *testing.T) {
	worker := func(scope string, doors ...string) se.Grant {
		return se.Grant{Scope: scope, Role: "worker", Doors: doors}
	}
	c := &Control{LastN: 7}
	c.leave(&se.Welcome{Lost: []se.Grant{worker("g1"), worker("g2", "d2", "d1"), worker("g3", "d3")}})
	require.Equal(t, Leaving{N: 7, State: LeavingDrain, Scopes: []string{"g1", "g2", "g3"}, Doors: []string{"g2/d1", "g2/d2", "g3/d3"}}, c.Leaving)

	c.LastN = 9
	c.leave(&se.Welcome{Grants: []se.Grant{worker("g1"), worker("g9", "d1")}})
	require.Equal(t, Leaving{N: 7, State: LeavingDrain, Scopes: []string{"g2", "g3"}, Doors: []string{"g2/d2", "g3/d3"}}, c.Leaving, "a door is back wherever it belongs")
	c.leave(&se.Welcome{Grants: []se.Grant{worker("g3")}})
	require.Equal(t, []string{"g2/d2"}, c.Leaving.Doors, "who has the scope has its doors")
	require.Equal(t, []string{"g2"}, c.Leaving.Scopes)

	c.Leaving.State = LeavingPurged
	waiting := c.Leaving
	c.leave(&se.Welcome{Receipt: 3})
	require.Equal(t, Leaving{N: 9, State: LeavingDrain, For: 3}, c.Leaving, "it waits for a receipt of something that was never heard of")
	c.leave(&se.Welcome{Receipt: 3})
	require.Equal(t, Leaving{N: 9, State: LeavingDrain, For: 3}, c.Leaving, "said again")
	c.leave(&se.Welcome{})
	require.Equal(t, LeavingDrain, c.Leaving.State, "it is not purged yet")

	c.Leaving = waiting
	c.leave(&se.Welcome{})
	require.Equal(t, Leaving{}, c.Leaving, "the centre has the receipt")
}
