package session

import (
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// A connection outlives a change of its person's grants: what the centre asks itself then is for where the device has
// come meanwhile, and the proof of where it began is none of that.
func TestGrantsThatChangeNeedNoNewProof(t *testing.T) {
	hello := se.Hello{Device: "d", Epoch: 1, Cursor: 5, View: "v", History: se.Hash{1}, MAC: se.Hash{2}}
	begin := func() *Centre {
		c := NewCentre(se.DefaultLimits, 0)
		require.Equal(t, []Effect{&Open{hello}}, c.Receive(&Hello{hello}, 1))
		c.Opened(&se.Welcome{View: "v", Epoch: 1, Head: 7, Limits: se.DefaultLimits}, "", "", 2)
		c.Advanced(&se.Part{View: "v", Frames: []se.Delta{{View: "v", From: se.Base{Epoch: 1, Seq: 5}, Done: true, To: se.Base{Epoch: 1, Seq: 7}}}}, 3)
		return c
	}
	want := se.Hello{Device: "d", Epoch: 1, Cursor: 7, View: "v"}
	c := begin()
	c.Receive(&Seen{Frames: 1, Epoch: 1, Cursor: 7, View: "v"}, 4)
	c.Bell(5)
	require.Equal(t, []Effect{&Open{want}}, c.Advanced(&se.Part{View: "w", Reset: true}, 6))

	c = begin()
	c.Receive(&Seen{Frames: 1, Epoch: 1, Cursor: 7, View: "v"}, 4)
	c.Bell(5)
	require.Equal(t, []Effect{&Open{want}}, c.Advanced(&se.Part{View: "v", Untold: true}, 6))

	c = begin()
	want.View = "of another connection"
	require.Equal(t, []Effect{&Open{want}}, c.Receive(&Seen{Frames: 1, Epoch: 1, Cursor: 7, View: want.View}, 4))
}
