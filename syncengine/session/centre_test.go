package session

import (
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// A bell may be faster than the answer to a commit. The step that it brings contains the changeset, so the verdict after
// it is followed by no second, empty one; a verdict that no step contains yet is.
func TestOneStepForAVerdict(t *testing.T) {
	const device = "01941f29-7c00-7000-8000-00000000000a"
	begin := func() *Centre {
		c := NewCentre(se.DefaultLimits, 0)
		c.Receive(&Hello{se.Hello{Device: device}}, 0)
		c.Opened(&se.Welcome{Epoch: 1, View: "v", Reset: true}, "", "", 0)
		c.Advanced(&se.Part{View: "v", Reset: true, Frames: []se.Delta{{Done: true, To: se.Base{Epoch: 1}}}}, 0)
		c.Receive(&Seen{Frames: 1, Epoch: 1, View: "v"}, 0)
		c.Receive(&Push{[]*se.Changeset{{Device: device, N: 1}}}, 0)
		return c
	}
	part := func(lastN int64, items ...se.DeltaItem) *se.Part {
		return &se.Part{View: "v", Frames: []se.Delta{{Items: items, Done: true, To: se.Base{Epoch: 1, Seq: lastN}, LastN: lastN}}}
	}
	deltas := func(effects []Effect) (n int) {
		for _, e := range effects {
			if s, ok := e.(*Send); ok {
				if _, ok := s.Message.(*Delta); ok {
					n++
				}
			}
		}
		return n
	}
	verdict := []se.Verdict{{N: 1, Kind: se.Accepted, Seq: 1}}

	c := begin()
	require.Len(t, c.Bell(0), 1)
	require.Equal(t, 1, deltas(c.Advanced(part(1, se.DeltaItem{Seq: 1}), 0)))
	c.Committed(1, verdict, "", "", 0)
	require.Len(t, c.Receive(&Seen{Frames: 2, Epoch: 1, Cursor: 1, View: "v"}, 0), 1, "it looks once more")
	require.Zero(t, deltas(c.Advanced(part(1), 0)))

	c = begin()
	c.Committed(1, verdict, "", "", 0)
	require.Equal(t, 1, deltas(c.Advanced(part(1), 0)), "empty, but it moves the cursor")

	// The step was read before the commit and sent after its verdict: it does not contain the changeset, so another one
	// is owed, though nothing in it may be for this view. Without it the device would wait for its cursor to pass.
	c = begin()
	require.Len(t, c.Bell(0), 1)
	c.Committed(1, verdict, "", "", 0)
	require.Equal(t, 1, deltas(c.Advanced(part(0), 0)))
	require.Len(t, c.Receive(&Seen{Frames: 2, Epoch: 1, View: "v"}, 0), 1)
	require.Equal(t, 1, deltas(c.Advanced(part(1), 0)), "the one that contains it")
}
