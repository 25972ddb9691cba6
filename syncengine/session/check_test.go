package session

import (
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

func greeted() *Centre {
	c := NewCentre(se.DefaultLimits, 0)
	c.Receive(&Hello{se.Hello{Device: "d"}}, 0)
	c.Opened(&se.Welcome{Epoch: 1, View: "v", Reset: true, Checks: true}, "", "", 0)
	c.Advanced(&se.Part{View: "v", Reset: true, Frames: []se.Delta{{Done: true, To: se.Base{Epoch: 1}}}}, 0)
	return c
}

func ask(c *Centre, number, now int64) []Effect {
	return c.Receive(&Check{se.Check{Number: number}}, now)
}

func stale(t *testing.T, effects []Effect) bool {
	t.Helper()
	require.Len(t, effects, 1)
	s, ok := effects[0].(*Send)
	if !ok {
		return false
	}
	r, ok := s.Message.(*Repair)
	return ok && r.Stale && r.Done
}

// A check costs the reading of a scope: a device may ask for many at once, and for few in the long run. What is above is
// told to come later, and nothing is read for it.
func TestChecksHaveAnAllowance(t *testing.T) {
	c := greeted()
	require.True(t, stale(t, ask(c, 1, 0)), "a step is on its way")
	c.Receive(&Seen{Frames: 1, Epoch: 1, View: "v"}, 0)
	n := int64(1)
	answered := func(now int64) bool {
		n++
		out := ask(c, n, now)
		if stale(t, out) {
			return false
		}
		require.IsType(t, &Verify{}, out[0])
		require.True(t, stale(t, c.Verified(nil)), "no time")
		return true
	}
	at := 0
	for answered(1000) {
		at++
	}
	require.InDelta(t, 300, at, 2)
	require.False(t, answered(1000))
	require.True(t, answered(1000+2*checkEvery))
	for i := range int64(50) {
		require.False(t, answered(1000+2*checkEvery+i) && i > 3)
	}
}

func TestChecksComeOneAfterTheOther(t *testing.T) {
	c := NewCentre(se.DefaultLimits, 0)
	require.IsType(t, &Close{}, ask(c, 1, 0)[1], "before Welcome")

	c = greeted()
	c.Receive(&Seen{Frames: 1, Epoch: 1, View: "v"}, 0)
	require.IsType(t, &Verify{}, ask(c, 1, 0)[0])
	require.Empty(t, ask(c, 1, 0), "come twice")
	require.IsType(t, &Close{}, ask(c, 2, 0)[1], "a second one before the answer")

	c = greeted()
	c.Receive(&Seen{Frames: 1, Epoch: 1, View: "v"}, 0)
	out := c.Receive(&Check{se.Check{Number: 1, Report: &se.CheckReport{Repaired: 2}}}, 0)
	require.Equal(t, []Effect{&Report{"d", se.CheckReport{Repaired: 2}}}, out)
	// A bell does not wait for a check that is under way, and a check's answer does not disturb a step.
	require.IsType(t, &Verify{}, ask(c, 2, 0)[0])
	require.IsType(t, &Read{}, c.Bell(0)[0])
	require.Len(t, c.Verified([]se.Repair{{Number: 2, Part: 1}, {Number: 2, Part: 2, Done: true}}), 2)
}
