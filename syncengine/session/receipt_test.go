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
