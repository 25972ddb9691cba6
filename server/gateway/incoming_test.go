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

// vast is a Centre that takes messages as long as a centre does that is not told otherwise.
type vast struct{ gateway.Centre }

func (x vast) Limits() se.Limits { return se.DefaultLimits }

func (x vast) Welcome(h se.Hello) (*se.Welcome, error) {
	w, err := x.Centre.Welcome(h)
	if w != nil {
		w.Limits = x.Limits()
	}
	return w, err
}

// While one long message takes all that may be counted apart, a second one that large waits, and then its device is told to
// come back; short ones are judged at once. The first one says nothing more: that ends as all silence does, and then there is
// room again (S7).
func TestLongMessagesShareABound(t *testing.T) {
	bubble(t, func(o *gateway.Options) { o.MaxIncoming, o.Centre = 2<<20, roomy{o.Centre} }, func(t *testing.T, c *county, dial func(int) *phone) {
		var sending sync.WaitGroup
		began := time.Now()
		first := c.long(dial(1), 3<<20, 5<<19, &sending)
		synctest.Wait()
		require.Greater(t, c.gate.Incoming().Used, 2<<20, "one may go over the bound")
		second := c.long(dial(2), 3<<20, 1<<20, &sending)
		synctest.Wait()
		require.Equal(t, 1, c.gate.Incoming().Waiting)
		other := dial(3)
		other.greet()
		other.works()
		require.Zero(t, time.Since(began), "by the bubble's clock a short message waits for nobody")
		other.ws.Close()
		_, code := first.closed()
		require.Equal(t, wire.CloseTimeout, code)
		require.Equal(t, 43*time.Second, time.Since(began), "what came fast buys no silence")
		first.ws.Close()
		synctest.Wait()
		require.Zero(t, c.gate.Incoming().Waiting, "there is room again")
		second.ws.Close()
		sending.Wait()
		synctest.Wait()
		in := c.gate.Incoming()
		require.Zero(t, in.Used, "everything is given back")
		require.Zero(t, in.Refused)
		require.LessOrEqual(t, in.Most, 2<<20+4<<20+1)
	})
}

// A device that sends 33 MiB of a message and then nothing more has what is counted apart. Messages of 4 MiB are judged meanwhile;
// silence ends after 43 s however much has come (S7).
func TestSilentLongMessageShutsOutNobody(t *testing.T) {
	bubble(t, func(o *gateway.Options) { o.Centre = vast{o.Centre} }, func(t *testing.T, c *county, dial func(int) *phone) {
		var sending sync.WaitGroup
		began := time.Now()
		silent := c.long(dial(1), 47<<20, 33<<20, &sending)
		synctest.Wait()
		require.Equal(t, 48<<20+1, c.gate.Incoming().Used)
		for i := range 3 {
			require.NotEmpty(t, c.hands(dial(3+i), 64), "a message of 4 MiB")
		}
		require.Zero(t, time.Since(began), "by the bubble's clock")
		_, code := silent.closed()
		require.Equal(t, wire.CloseTimeout, code)
		require.Equal(t, 43*time.Second, time.Since(began), "what came fast buys no silence")
		silent.ws.Close()
		sending.Wait()
		synctest.Wait()
		require.Zero(t, c.gate.Incoming().Used, "everything is given back")
	})
}

// A dozen devices that send most of the largest message and then nothing more wait for each other with what they have; another
// one's message of 2 MiB is judged at once (S7).
func TestADozenSilentLongMessagesShutOutNobody(t *testing.T) {
	bubble(t, func(o *gateway.Options) { o.Centre = vast{o.Centre} }, func(t *testing.T, c *county, dial func(int) *phone) {
		var sending sync.WaitGroup
		var silent []*phone
		began := time.Now()
		for i := range 12 {
			silent = append(silent, c.long(dial(1+i), 47<<20, 46<<20, &sending))
			synctest.Wait()
		}
		require.Equal(t, 11, c.gate.Incoming().Waiting)
		for i := range 3 {
			require.NotEmpty(t, c.hands(dial(20+i), 30))
		}
		require.Zero(t, time.Since(began), "by the bubble's clock")
		for _, p := range silent {
			p.ws.Close()
		}
		sending.Wait()
	})
}

// hands has a phone greet and hand in a changeset of so many times 60 KiB, and gives the verdicts.
func (c *county) hands(p *phone, rows int) []se.Verdict {
	c.t.Helper()
	p.greet()
	p.send(mustMarshal(c.t, &session.Push{Changesets: []*se.Changeset{p.lengthy(rows)}}))
	v := hear[*session.Verdicts](p).Verdicts
	p.ws.Close()
	return v
}

// Who finds no room is waited with as long as what it has sent may have taken to come: 10 s, and a second for each 8 KiB. Then it
// is told to come back (S7).
func TestWhoFindsNoRoomIsWaitedWith(t *testing.T) {
	bubble(t, func(o *gateway.Options) { o.MaxIncoming, o.Centre = 2<<20, roomy{o.Centre} }, func(t *testing.T, c *county, dial func(int) *phone) {
		var sending sync.WaitGroup
		first := c.long(dial(1), 3<<20, 5<<19, &sending)
		over := make(chan struct{})
		sending.Go(func() { // it goes on, slowly
			tick := time.NewTicker(20 * time.Second)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					first.ws.NetConn().Write([]byte{0})
				case <-over:
					return
				}
			}
		})
		synctest.Wait()
		began := time.Now()
		second := c.long(dial(2), 3<<20, 5<<19, &sending)
		sending.Go(func() { io.Copy(io.Discard, first.ws.NetConn()) })
		n, code := second.closed()
		require.Equal(t, session.NoticeBusy, n.Code)
		require.Equal(t, wire.CloseBusy, code)
		require.Equal(t, 10*time.Second+128*time.Second, time.Since(began), "1 MiB of it was there")
		close(over)
		first.ws.Close()
		second.ws.Close()
		sending.Wait()
		synctest.Wait()
		in := c.gate.Incoming()
		require.Equal(t, 1, in.Refused)
		require.Zero(t, in.Used, "everything is given back")
	})
}

// A device has one long message at a time: a second one of it waits, and others pass it (S7).
func TestADeviceHasOneLongMessageAtATime(t *testing.T) {
	bubble(t, func(o *gateway.Options) { o.Centre = roomy{o.Centre} }, func(t *testing.T, c *county, dial func(int) *phone) {
		var sending sync.WaitGroup
		first := c.long(dial(1), 3<<20, 3<<19, &sending)
		synctest.Wait()
		second := c.long(dial(1), 3<<20, 3<<20, &sending)
		synctest.Wait()
		in := c.gate.Incoming()
		require.Equal(t, []int{1, 2 << 20}, []int{in.Waiting, in.Used})
		other := c.long(dial(2), 3<<20, 3<<20, &sending)
		_, code := other.closed()
		require.Equal(t, wire.CloseMalformed, code, "read to its end, and no message")
		other.ws.Close()
		first.ws.Close()
		_, code = second.closed()
		require.Equal(t, wire.CloseMalformed, code, "its turn has come")
		second.ws.Close()
		sending.Wait()
	})
}

// Long messages that all began, and have all the room among them, do not wait for each other: one goes on, then the next.
func TestLongMessagesDoNotWaitForEachOther(t *testing.T) {
	bubble(t, func(o *gateway.Options) { o.Centre = roomy{o.Centre} }, func(t *testing.T, c *county, dial func(int) *phone) {
		var sending, ending sync.WaitGroup
		began := time.Now()
		var phones []*phone
		for i := range 24 {
			phones = append(phones, c.long(dial(1+i), 3<<20, 5<<19, &sending))
			synctest.Wait()
		}
		require.Greater(t, c.gate.Incoming().Used, 30<<20)
		for i, p := range phones {
			sending.Go(func() { io.CopyN(p.ws.NetConn(), zeros{}, 1<<19) })
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
		in := c.gate.Incoming()
		require.Zero(t, in.Used, "everything is given back")
		require.LessOrEqual(t, in.Most, 32<<20+4<<20+1)
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
		require.Zero(t, c.gate.Incoming().Used)
		b := mustMarshal(t, &session.Push{Changesets: []*se.Changeset{p.lengthy(30)}})
		require.Greater(t, len(b), 1<<20)
		p.send(b)
		synctest.Wait()
		require.Equal(t, 1, c.gate.Connections())
		require.GreaterOrEqual(t, c.gate.Incoming().Used, len(b))
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		require.ErrorIs(t, c.gate.Shutdown(ctx), context.DeadlineExceeded)
		require.Zero(t, c.gate.Incoming().Used, "everything is given back")
	})
}

// slow is a Centre that judges when it is let.
type slow struct {
	gateway.Centre
	let chan struct{}
}

func (x slow) Submit(ctx context.Context, list []*se.Changeset, contact se.Contact) ([]se.Result, error) {
	<-x.let
	return x.Centre.Submit(ctx, list, contact)
}

// The end of its connection does not take a long push out of memory: it is counted until it is judged, and nothing long of its
// device is taken before (S7).
func TestLongPushIsCountedBeyondItsConnection(t *testing.T) {
	let := make(chan struct{})
	bubble(t, func(o *gateway.Options) { let = make(chan struct{}); o.Centre = slow{roomy{o.Centre}, let} }, func(t *testing.T, c *county, dial func(int) *phone) {
		var sending sync.WaitGroup
		p := dial(1)
		p.greet()
		b := mustMarshal(t, &session.Push{Changesets: []*se.Changeset{p.lengthy(30)}})
		p.send(b)
		synctest.Wait()
		p.ws.Close()
		time.Sleep(time.Minute) //nolint:forbidigo // the bubble's clock
		synctest.Wait()
		require.Zero(t, c.gate.Connections(), "it has ended")
		used := c.gate.Incoming().Used
		require.GreaterOrEqual(t, used, len(b), "and its changeset is in memory")
		again := c.long(dial(1), 3<<20, 3<<20, &sending)
		synctest.Wait()
		in := c.gate.Incoming()
		require.Equal(t, []int{1, used}, []int{in.Waiting, in.Used})
		close(let)
		_, code := again.closed()
		require.Equal(t, wire.CloseMalformed, code, "its turn has come: read to its end, and no message")
		again.ws.Close()
		sending.Wait()
		synctest.Wait()
		require.Zero(t, c.gate.Incoming().Used, "everything is given back")
	})
}

// lengthy is a changeset of so many times 60 KiB.
func (p *phone) lengthy(rows int) *se.Changeset {
	cs := p.hazard("long")
	for i := range rows {
		x := cs.Changes[0]
		x.Row = rowID(p.i<<20 | 1<<19 | i)
		x.Cells = append(x.Cells[:2:2], se.CellWrite{Cell: "description", Values: []schema.Value{schema.Text(strings.Repeat("x", 60<<10))}})
		cs.Changes = append(cs.Changes, x)
	}
	p.prev = cs.Hash()
	return cs
}

// long greets, and says so many bytes of a message of a length that is none.
func (c *county) long(p *phone, length int, bytes int64, sending *sync.WaitGroup) *phone {
	p.greet()
	p.ws.SetPingHandler(func(string) error { return nil }) // a pong would land inside the message
	sending.Go(func() {
		p.ws.NetConn().Write(wsframe.Masked(0x82, length, nil))
		io.CopyN(p.ws.NetConn(), zeros{}, bytes)
	})
	return p
}
