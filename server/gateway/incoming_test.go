package gateway_test

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/internal/wsframe"
	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/server/gateway"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// roomy is a Centre that takes longer messages.
type roomy struct{ gateway.Centre }

func (x roomy) Limits() se.Limits {
	l := x.Centre.Limits()
	l.MaxFrame, l.MaxChangeset = 4<<20, 3<<20
	return l
}

func (x roomy) Welcome(h se.Hello) (*se.Welcome, error) {
	w, err := x.Centre.Welcome(h)
	if w != nil {
		w.Limits = x.Limits()
	}
	return w, err
}

// While one long message takes all the room there is for such, and may go on, another one waits, and then its device is told
// to come back; short ones come and are judged at once. When the message is over, here by its deadline, there is room again
// (S7).
func TestLongMessagesShareABound(t *testing.T) {
	bubble(t, func(o *gateway.Options) { o.MaxIncoming, o.Centre = 2<<20, roomy{o.Centre} }, func(t *testing.T, c *county, dial func(int) *phone) {
		var sending sync.WaitGroup
		first := c.long(dial(1), 5<<19, &sending)
		synctest.Wait()
		_, used, _ := c.gate.Incoming()
		require.Greater(t, used, 2<<20, "one may go over the bound")
		second := c.long(dial(2), 5<<19, &sending)
		synctest.Wait()
		waiting, _, _ := c.gate.Incoming()
		require.Equal(t, 1, waiting)
		began := time.Now()
		other := dial(3)
		other.greet()
		other.works()
		require.Zero(t, time.Since(began), "by the bubble's clock a short message waits for nobody")
		other.ws.Close()
		n, code := second.closed()
		require.Equal(t, session.NoticeBusy, n.Code)
		require.Equal(t, wire.CloseBusy, code)
		require.Equal(t, 10*time.Second, time.Since(began))
		second.ws.Close()
		_, code = first.ends()
		require.Equal(t, wire.CloseTimeout, code)
		first.ws.Close()
		sending.Wait()
		synctest.Wait()
		_, used, most := c.gate.Incoming()
		require.Zero(t, used, "everything is given back")
		require.LessOrEqual(t, most, 2<<20+4<<20+1)
	})
}

// Long messages that all began, and have all the room among them, do not wait for each other: one goes on, then the next.
func TestLongMessagesDoNotWaitForEachOther(t *testing.T) {
	bubble(t, func(o *gateway.Options) { o.MaxIncoming, o.Centre = 4<<20, roomy{o.Centre} }, func(t *testing.T, c *county, dial func(int) *phone) {
		var sending, ending sync.WaitGroup
		began := time.Now()
		for i := range 8 {
			p := c.long(dial(1+i), 3<<20, &sending)
			ending.Go(func() {
				_, code := p.closed()
				if code != wire.CloseMalformed { // read to its end, and no message
					t.Errorf("message %d is ended with %d", i, code)
				}
				p.ws.Close()
			})
		}
		ending.Wait()
		sending.Wait()
		require.Zero(t, time.Since(began), "by the bubble's clock none waits for a deadline")
		synctest.Wait()
		_, used, most := c.gate.Incoming()
		require.Zero(t, used, "everything is given back")
		require.LessOrEqual(t, most, 4<<20+4<<20+1)
	})
}

// A long push is in memory until it is judged, and so long it is counted and nothing more is read from its device. Short
// ones are not held up by that.
func TestLongPushIsCountedUntilItIsJudged(t *testing.T) {
	bubble(t, func(o *gateway.Options) { o.Centre = roomy{hanging{o.Centre, nil}} }, func(t *testing.T, c *county, dial func(int) *phone) {
		p := dial(1)
		p.greet()
		p.say(&session.Push{Changesets: []*se.Changeset{p.hazard("short")}})
		synctest.Wait()
		_, used, _ := c.gate.Incoming()
		require.Zero(t, used)
		long := p.hazard("long")
		for i := range 30 {
			x := long.Changes[0]
			x.Row = rowID(1000 + i)
			x.Cells = append(x.Cells[:2:2], se.CellWrite{Cell: "description", Values: []schema.Value{schema.Text(strings.Repeat("x", 60<<10))}})
			long.Changes = append(long.Changes, x)
		}
		b := mustMarshal(t, &session.Push{Changesets: []*se.Changeset{long}})
		require.Greater(t, len(b), 1<<20)
		p.send(b)
		synctest.Wait()
		require.Equal(t, 1, c.gate.Connections())
		_, used, _ = c.gate.Incoming()
		require.GreaterOrEqual(t, used, len(b))
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		require.ErrorIs(t, c.gate.Shutdown(ctx), context.DeadlineExceeded)
		_, used, _ = c.gate.Incoming()
		require.Zero(t, used, "everything is given back")
	})
}

// long greets, and says so many bytes of a message of 3 MiB that is none.
func (c *county) long(p *phone, bytes int64, sending *sync.WaitGroup) *phone {
	p.greet()
	p.ws.SetPingHandler(func(string) error { return nil }) // a pong would land inside the message
	sending.Go(func() {
		p.ws.NetConn().Write(wsframe.Masked(0x82, 3<<20, nil))
		io.CopyN(p.ws.NetConn(), zeros{}, bytes)
	})
	return p
}
