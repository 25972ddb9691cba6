package session

import (
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// Once a connection is closed nothing has an effect any more: a message that was on its way, an answer that was asked
// for before, the bell, time.
func TestClosedMeansClosed(t *testing.T) {
	const device = "01941f29-7c00-7000-8000-00000000000a"
	closed := func() *Centre {
		c := NewCentre(se.DefaultLimits, 0)
		require.Len(t, c.Receive(&Push{}, 0), 2, "Notice and Close")
		return c
	}
	require.Empty(t, closed().Receive(&Hello{se.Hello{Device: device}}, 0))
	require.Empty(t, closed().Opened(&se.Welcome{View: "v"}, "", "", 0))
	require.Empty(t, closed().Retired(se.Retire{}, 0))
	require.Empty(t, closed().Committed(0, []se.Verdict{{N: 1}}, "", "", 0))
	require.Empty(t, closed().Bell(0))
	require.Empty(t, closed().Tick(1<<40))
}

// A device that may only drain and purge is sent nothing but verdicts, so nothing is read for it: a lost phone that stays
// connected would have the centre read anew at every commit of the county, in a turn for heavy parts.
func TestNothingIsReadForTheRetired(t *testing.T) {
	c := NewCentre(se.DefaultLimits, 0)
	const device = "01941f29-7c00-7000-8000-00000000000a"
	c.Receive(&Hello{se.Hello{Device: device}}, 0)
	require.Len(t, c.Retired(se.Retire{}, 0), 1)
	require.Empty(t, c.Bell(0))
	require.Len(t, c.Receive(&Push{[]*se.Changeset{{Device: device, N: 1}}}, 0), 1)
	out := c.Committed(1, []se.Verdict{{N: 1, Kind: se.Parked}}, "", "", 0)
	require.Len(t, out, 1, "the verdict alone")
	require.Empty(t, c.Tick(QuietAfter+1))
}
