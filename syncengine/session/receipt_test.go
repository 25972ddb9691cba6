package session

import (
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// A device that held nothing of what ended has purged as soon as it has heard. Its receipt comes right behind its answer,
// before that is on record, and is not asked for again on this connection.
func TestReceiptRightBehindTheAnswer(t *testing.T) {
	hello := se.Hello{Device: "d", LastN: 6}
	c := NewCentre(se.DefaultLimits, 0)
	c.Receive(&Hello{hello}, 1)
	c.Opened(&se.Welcome{View: "v", Limits: se.DefaultLimits, LastN: 6, Lost: []se.Grant{{Scope: "g", Role: "worker"}}}, "", "", 2)

	purged := &Purged{se.Purged{View: "v", N: 6}}
	require.Empty(t, c.Receive(purged, 3), "a receipt for what was never answered is none")
	answer := se.Tell{Device: "d", View: "v", N: 6}
	require.Equal(t, []Effect{&Tell{answer}}, c.Receive(&Drain{se.Drain{View: "v", N: 6}}, 3))
	require.Empty(t, c.Receive(purged, 4))
	receipt := &Tell{se.Tell{Device: "d", View: "v", N: 6, Purged: true, At: 5}}
	require.Contains(t, c.Recorded(answer, 5, "", "", 6), receipt)
	require.Empty(t, c.Recorded(receipt.Tell, 0, "", "", 7))
}

// A grant that ends while the device is still asked about another one has to wait; nobody is to tick all that time.
func TestDueWhileADeviceIsAsked(t *testing.T) {
	c := NewCentre(se.DefaultLimits, 0)
	c.Receive(&Hello{se.Hello{Device: "d", LastN: 6}}, 1)
	c.Opened(&se.Welcome{View: "v", Limits: se.DefaultLimits, LastN: 6, Lost: []se.Grant{{Scope: "g", Role: "worker"}}}, "", "", 2)
	c.until = 10
	for now := int64(3); now < c.Due(); now += DrainWithin / 10 {
		require.Empty(t, c.Tick(now))
	}
	require.EqualValues(t, 2+DrainWithin+1, c.Due())
	answer := se.Tell{Device: "d", View: "v", N: 6}
	require.Equal(t, []Effect{&Tell{answer}}, c.Tick(c.Due()))
	require.Zero(t, c.Due(), "what comes next is Recorded")
	c.Recorded(answer, 5, "", "", 3+DrainWithin)
	require.EqualValues(t, 10, c.Due())
	c.Tick(3 + DrainWithin)
	require.Zero(t, c.Due())
}
