package gateway_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/internal/await"
	"github.com/doorstep-sync/doorstep/server/gateway"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// holding is a Centre that takes its time over one device's parts.
type holding struct {
	gateway.Centre
	device        string
	later         bool // of a device that is in step, not its first
	entered, free chan struct{}
}

func (h *holding) Next(req se.NextRequest) (*se.Part, error) {
	if req.Device == h.device && h.later == (req.Cursor != se.Base{}) {
		select {
		case h.entered <- struct{}{}:
			<-h.free
		case <-h.free: // what came meanwhile may make it read once more
		}
	}
	return h.Centre.Next(req)
}

// While one device's heavy part takes all the room, the next one is told that it waits for its turn; what it pushes
// meanwhile gets its verdict, and then it gets all of its step.
func TestWhoWaitsForItsTurnIsTold(t *testing.T) {
	var h *holding
	c := open(t, func(o *gateway.Options) {
		o.MaxHeavy = 1 // everybody is too large for it, so they go one by one
		o.Deadlines.Patience = time.Millisecond
		h = &holding{Centre: o.Centre, device: deviceID(1), entered: make(chan struct{}), free: make(chan struct{})}
		o.Centre = h
	})
	slow := c.dial(1, wire.Binary)
	slow.say(&session.Hello{Hello: slow.hello})
	await.Value(t, h.entered, "the slow device's part to be read")
	p := c.dial(2, wire.Binary)
	p.say(&session.Hello{Hello: p.hello})
	w := hear[*session.Welcome](p)
	n := hear[*session.Notice](p)
	require.Equal(t, session.NoticeBusy, n.Code)
	require.False(t, n.Close)
	require.Empty(t, p.kept, "no rows yet")
	p.n, p.prev = w.LastN, w.Hash
	p.works()
	close(h.free)
	p.catchUp(1)
	slow.catchUp(1)
}

// What others wrote is read for many at once, and one of them may have to wait for it. What it pushes itself gets its verdict
// meanwhile.
func TestAVerdictDoesNotWaitForWhatOthersWrote(t *testing.T) {
	var h *holding
	c := open(t, func(o *gateway.Options) {
		h = &holding{Centre: o.Centre, device: deviceID(1), later: true, entered: make(chan struct{}), free: make(chan struct{})}
		o.Centre = h
	})
	p := c.dial(1, wire.Binary)
	p.greet()
	other := c.dial(2, wire.Binary)
	other.greet()
	other.works()
	await.Value(t, h.entered, "what the other one wrote to be read")
	p.works()
	close(h.free)
	p.catchUp(2)
}

// Devices that arrive, take their Welcome and then nothing any more hold back from others what their parts are, not what
// these might have been: forty of them fit where otherwise four would, and who arrives after them waits for none of their
// deadlines. When those are over, everything is given back.
func TestDeafArrivalsHoldUpNobody(t *testing.T) {
	bubble(t, func(o *gateway.Options) { o.MaxHeavy = 8 << 20 }, func(t *testing.T, c *county, dial func(int) *phone) {
		began := time.Now()
		for i := range 40 {
			deaf := dial(1 + i)
			deaf.hello.Wall = began.UnixMilli() // or it would be told of its clock first
			deaf.say(&session.Hello{Hello: deaf.hello})
			hear[*session.Welcome](deaf)
		}
		synctest.Wait()
		_, used, _ := c.gate.Heavy()
		require.GreaterOrEqual(t, used, 40*4<<10, "each holds something")
		late := dial(90)
		late.greet()
		late.works()
		require.Zero(t, time.Since(began), "by the bubble's clock nobody waits")
		late.ws.Close()
		time.Sleep(22 * time.Second) //nolint:forbidigo // the bubble's clock
		synctest.Wait()
		require.Zero(t, c.gate.Connections())
		_, used, _ = c.gate.Heavy()
		require.Zero(t, used)
	})
}
