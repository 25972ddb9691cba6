package session

import (
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// A device whose part waits for its turn is told so, and only then; it knows until something comes, and keeps nothing of it.
func TestWhoWaitsIsTold(t *testing.T) {
	c := NewCentre(se.DefaultLimits, 0)
	require.Empty(t, c.Delayed(), "before Hello")
	c.Receive(&Hello{se.Hello{Device: "d"}}, 0)
	require.Empty(t, c.Delayed(), "before Welcome")
	ask := c.Opened(&se.Welcome{Epoch: 1, View: "v", Reset: true}, "", "", 0)
	require.IsType(t, &Read{}, ask[len(ask)-1])
	told := c.Delayed()
	require.Len(t, told, 1)
	notice := told[0].(*Send).Message.(*Notice)
	require.Equal(t, NoticeBusy, notice.Code)
	require.False(t, notice.Close)
	require.Len(t, c.Advanced(&se.Part{View: "v", Reset: true, Frames: []se.Delta{{View: "v", Reset: true, Done: true, To: se.Base{Epoch: 1}}}}, 0), 1)
	require.Empty(t, c.Delayed(), "nothing is waited for")

	d := NewDevice(&shelf{})
	_, err := d.Start("", "")
	require.NoError(t, err)
	for _, m := range []Message{&Welcome{se.Welcome{View: "v", Reset: true, Limits: se.DefaultLimits}}, notice} {
		require.False(t, d.Queued())
		_, err = d.Receive(m)
		require.NoError(t, err)
	}
	require.True(t, d.Queued())
	_, err = d.Receive(&Delta{se.Delta{View: "v", Reset: true, Scope: "A"}})
	require.NoError(t, err)
	require.False(t, d.Queued())
	require.Empty(t, d.Notices())
	_, err = d.Receive(&Notice{Code: NoticeBusy, Close: true})
	var closed *Closed
	require.ErrorAs(t, err, &closed)
	require.Equal(t, NoticeBusy, closed.Code)
	require.Len(t, d.Notices(), 1)
}
