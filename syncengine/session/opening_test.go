package session

import (
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// inStep is a centre's end whose device has taken its first step, of which it was sent one frame, at now.
func inStep(now int64) *Centre {
	c := NewCentre(se.DefaultLimits, now)
	c.Receive(&Hello{se.Hello{Device: "d"}}, now)
	c.Opened(&se.Welcome{Epoch: 1, View: "v", Reset: true, Limits: se.DefaultLimits}, "", "", now)
	c.Advanced(&se.Part{View: "v", Reset: true, Frames: []se.Delta{{Done: true, To: se.Base{Epoch: 1, Seq: 4}}}}, now)
	c.Receive(&Seen{Frames: 1, Epoch: 1, Cursor: 4, View: "v"}, now)
	return c
}

// A first step is heavy and comes in large portions; one from a cursor is light, and asks for little at first.
func TestFirstStepIsHeavy(t *testing.T) {
	c := NewCentre(se.DefaultLimits, 0)
	c.Portion(10*lightBudget, se.Pages{})
	c.Receive(&Hello{se.Hello{Device: "d"}}, 0)
	out := c.Opened(&se.Welcome{Epoch: 1, View: "v", Reset: true}, "", "", 0)
	first := out[len(out)-1].(*Read)
	require.True(t, first.Heavy)
	require.Equal(t, 10*lightBudget, first.Request.Budget)

	c = inStep(0)
	c.Portion(10*lightBudget, se.Pages{})
	later := c.Bell(1)[0].(*Read)
	require.False(t, later.Heavy)
	require.Equal(t, lightBudget, later.Request.Budget)
}

// An idle device is moved on when it has been sent nothing for a while, not before.
func TestQuietIsCountedFromTheLastStep(t *testing.T) {
	const now = 1_000_000
	c := inStep(now)
	require.Empty(t, c.Tick(now+QuietAfter))
	require.Len(t, c.Tick(now+QuietAfter+1), 1)
}

// While the centre is asked for the views of a device that stands elsewhere, nothing is read for the old one.
func TestNothingIsReadWhileItOpensAnew(t *testing.T) {
	c := inStep(0)
	out := c.Receive(&Seen{Frames: 1, Epoch: 1, Cursor: 9, View: "another"}, 1)
	require.Len(t, out, 1)
	require.Equal(t, "another", out[0].(*Open).Hello.View)
	require.Empty(t, c.Bell(2))
	require.NotEmpty(t, c.Opened(&se.Welcome{Epoch: 1, View: "another", Limits: se.DefaultLimits}, "", "", 3))
}

// holding is a replica with an outbox, and with something that it purged.
type holding struct {
	behind
	acked  int64
	after  []int64 // from where the outbox was asked for
	purged *se.Purged
}

func (h *holding) Hello() (se.Hello, error)   { return se.Hello{Device: "d", Acked: h.acked}, nil }
func (h *holding) Purge() (*se.Purged, error) { return h.purged, nil }
func (h *holding) Outbox(after int64, _ int) ([]*se.Changeset, error) {
	h.after = append(h.after, after)
	return nil, nil
}

func TestHelloCarriesTokenAndApp(t *testing.T) {
	h, err := NewDevice(&holding{}).Start("token", "app 7")
	require.NoError(t, err)
	require.Equal(t, "token", h.Token)
	require.Equal(t, "app 7", h.App)
}

// A connection sends from where the centre's verdicts end that count: behind what it has judged, behind what the device
// has heard, and before what was judged anew for another copy.
func TestWhereSendingBegins(t *testing.T) {
	for name, x := range map[string]struct{ acked, lastN, anew, after int64 }{
		"all was heard":         {5, 5, 0, 5},
		"a verdict was lost":    {3, 5, 0, 3},
		"the centre lost work":  {5, 2, 0, 2},
		"judged anew from n 4":  {5, 5, 4, 3},
		"judged anew, not here": {2, 5, 4, 2},
	} {
		r := &holding{acked: x.acked}
		d := NewDevice(r)
		_, err := d.Start("", "")
		require.NoError(t, err)
		_, err = d.Receive(&Welcome{se.Welcome{Epoch: 1, View: "v", LastN: x.lastN, Anew: x.anew, Limits: se.DefaultLimits}})
		require.NoError(t, err)
		require.Equal(t, []int64{x.after}, r.after, name)
	}
}

// A receipt is sent once on a connection, unless the centre asks for it again.
func TestReceiptIsSentAgainIfAskedFor(t *testing.T) {
	r := &holding{purged: &se.Purged{View: "v", N: 6}}
	d := NewDevice(r)
	_, err := d.Start("", "")
	require.NoError(t, err)
	receipts := func(w se.Welcome) (n int) {
		w.Epoch, w.View, w.Limits = 1, "v", se.DefaultLimits
		out, err := d.Receive(&Welcome{w})
		require.NoError(t, err)
		for _, m := range out {
			if _, is := m.(*Purged); is {
				n++
			}
		}
		return n
	}
	require.Equal(t, 1, receipts(se.Welcome{}))
	require.Zero(t, receipts(se.Welcome{}), "it is on its way")
	require.Equal(t, 1, receipts(se.Welcome{Receipt: 1}), "the centre waits for it")
	require.Equal(t, 1, receipts(se.Welcome{Lost: []se.Grant{{Scope: "g"}}}), "more ended")
}
