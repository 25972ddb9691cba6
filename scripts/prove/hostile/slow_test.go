//go:build prove

package hostile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/internal/wsframe"
	"github.com/doorstep-sync/doorstep/scripts/prove/crowd"
	"github.com/doorstep-sync/doorstep/scripts/prove/figures"
	"github.com/doorstep-sync/doorstep/scripts/prove/overlay"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

// Deadlines as shipped. A connection whose deadline passed lingers a second for its goodbye, and what is on the line
// takes its time on a machine that is busy.
const (
	headersWithin = 10 * time.Second // a handshake
	helloWithin   = 10 * time.Second // then Hello
	readWithin    = 43 * time.Second // any sign of a device
	writeWithin   = 10 * time.Second // a message to be taken, and a second for each 8 KiB of it
	lingers       = time.Second
	late          = 5 * time.Second
	nothing       = 0
	aByte         = time.Second // between bytes of a slow handshake
	aFrameByte    = 5 * time.Second
)

// crowds say how many slow connections of each kind there are.
type crowds struct{ silent, headers, mute, frames, deaf, cold int }

func (n crowds) all() int { return n.silent + n.headers + n.mute + n.frames + n.deaf + n.cold }

// lenient is a planted bug: nobody's time is ever over.
var lenient = []overlay.Edit{
	{File: "server/cmd/doorstepd/wire.go", From: "ReadHeaderTimeout: 10 * time.Second", To: "ReadHeaderTimeout: 10 * time.Hour"},
	{File: "server/gateway/gateway.go", From: "{&d.Read, 43 * time.Second}", To: "{&d.Read, 43 * time.Hour}"},
	{File: "server/gateway/gateway.go", From: "{&d.Hello, session.HelloWithin * time.Millisecond}", To: "{&d.Hello, 10 * time.Hour}"},
	{File: "server/gateway/gateway.go", From: "{&d.Write, 10 * time.Second}", To: "{&d.Write, 10 * time.Hour}"},
	{File: "syncengine/session/centre.go", From: "now-c.opened > HelloWithin", To: "now-c.opened > 10_000*HelloWithin"},
}

// TestSlowConnections keeps a thousand connections to a running centre: silent ones, headers a byte each second,
// handshakes without a first message, devices in step that send a frame a byte each 5 s, devices in step that are sent
// what others write and never read, and such that never read a byte of their first step. Each ends within its deadline,
// and a healthy worker works on; so does one who arrives meanwhile. One centre more has a planted bug: this proof is worth
// something if it sees that nobody's time is over there.
func TestSlowConnections(t *testing.T) {
	t.Parallel()
	kinds := crowds{silent: 150, headers: 250, mute: 200, frames: 150, deaf: 150, cold: 100}
	planted := open(t, 14, 0, lenient...)
	plantedSlow := planted.crowd(crowds{5, 5, 5, 5, 5, 4})
	c := open(t, kinds.frames+kinds.deaf+kinds.cold+1, 3000)
	alone := c.beside(func() { c.pause(5 * time.Second) })
	c.forgetPeak() // of the start
	before, peak := c.taking(), c.process.Peak()

	began := c.out.Now()
	s := c.crowd(kinds)
	t.Logf("%d slow connections are there after %v: %+v", kinds.all(), c.out.Now().Sub(began).Round(time.Millisecond), c.taking())
	beside := c.beside(func() {
		arriving := c.out.Now()
		arrived, err := c.out.Writer(c.t.Context(), c.process.URL, c.others[len(c.others)-1], 2)
		require.NoError(t, err, "who arrives meanwhile")
		took := c.out.Now().Sub(arriving)
		arrived.Close()
		t.Logf("somebody who arrived meanwhile has everything after %v", took.Round(time.Millisecond))
		require.Less(t, took, heldUp)
		require.GreaterOrEqual(t, c.taking().files, kinds.frames+kinds.deaf+kinds.cold, "they are there")
		s.wait(1)
	})
	t.Logf("a healthy device's verdicts: %v, without them %v", beside, alone)
	for kind, took := range s.took {
		t.Logf("%-36s ended after %v to %v", kind, slices.Min(took).Round(100*time.Millisecond), slices.Max(took).Round(100*time.Millisecond))
	}
	require.NoError(t, errors.Join(s.errs...))
	require.Equal(t, kinds.all(), s.ended)
	growth := c.process.Peak() - peak
	t.Logf("the centre's memory grew by %d MiB, from %d", growth, peak)
	require.LessOrEqual(t, growth, mostGrowth)
	c.givesBack(before)

	require.Zero(t, plantedSlow.now(), "the bug was not seen: nobody's time is over there")
	require.Equal(t, 1+5+4, planted.taking().sockets, "a worker, and those that read nothing: the bug was not seen: nobody's time is over there")
	planted.process.Kill()
	plantedSlow.running.Wait()
	figures.Of(t, figures.Slow, s.ended)
	figures.Of(t, figures.SlowVerdict, int(beside.at(99).Milliseconds()))
	figures.Of(t, figures.SlowGrowth, growth)
}

// slow are connections that take their time.
type slow struct {
	c        *county
	deaf     int       // of them, those that read nothing
	deafened time.Time // when the last of those was there: to open a thousand takes its time
	running  sync.WaitGroup
	mu       sync.Mutex
	ended    int                        // under mu, as what follows
	took     map[string][]time.Duration // by kind
	errs     []error
}

// crowd opens connections that are slow.
func (c *county) crowd(n crowds) *slow {
	s := &slow{c: c, took: map[string][]time.Duration{}}
	for range n.silent {
		s.drip(nil, s.tcp(), nothing, "silent", headersWithin)
	}
	for range n.headers {
		s.drip([]byte(request), s.tcp(), aByte, "headers a byte a second", headersWithin)
	}
	for range n.mute {
		s.drip(nil, c.dial(nil, wire.SubprotocolBinary).NetConn(), nothing, "a handshake, and no hello", helloWithin+lingers)
	}
	people := c.others
	next := func() (m *crowd.Member) { m, people = &people[0], people[1:]; return m }
	for range n.frames {
		s.drip(wsframe.Masked(0x82, 5000, nil), c.inStep(next()).NetConn(), aFrameByte, "in step, a frame a byte each 5 s", readWithin+lingers)
	}
	for range n.deaf {
		c.inStep(next())
	}
	for range n.cold {
		m := next()
		ws := c.dial(m, wire.SubprotocolBinary)
		c.greet(m, ws)
	}
	s.deaf, s.deafened = n.deaf+n.cold, c.out.Now()
	return s
}

const request = "GET /v1/sync HTTP/1.1\r\nHost: centre\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"

func (s *slow) tcp() net.Conn {
	s.c.t.Helper()
	n, err := net.Dial("tcp", s.c.address())
	require.NoError(s.c.t, err)
	return n
}

// drip says bytes of b, each after a pause, while it waits for the centre to close the connection.
func (s *slow) drip(b []byte, n net.Conn, pause time.Duration, kind string, within time.Duration) {
	began := s.c.out.Now()
	ctx, over := context.WithCancel(s.c.t.Context())
	if len(b) > 0 {
		s.running.Go(func() {
			for i := range b {
				if _, err := n.Write(b[i : i+1]); err != nil || crowd.Pause(ctx, pause) != nil {
					return
				}
			}
		})
	}
	s.running.Go(func() {
		defer over()
		defer n.Close()
		_ = n.SetReadDeadline(began.Add(within + late))
		_, err := io.Copy(io.Discard, n)
		s.over(kind, s.c.out.Now().Sub(began), !errors.Is(err, os.ErrDeadlineExceeded))
	})
}

// deafEnd waits until the centre has no more than the connections that are to stay: it alone knows when it has ended one
// that reads nothing, since the end of it is behind what was not read.
func (s *slow) deafEnd(stay int) {
	const within = readWithin + writeWithin + lingers
	for {
		left, took := s.c.taking().sockets-stay, s.c.out.Now().Sub(s.deafened)
		if left <= 0 {
			s.ended += s.deaf
			s.took["reads nothing, the last of them"] = []time.Duration{took}
			return
		}
		if took > within+late {
			s.errs = append(s.errs, fmt.Errorf("%d that read nothing are there after %v", left, took))
			return
		}
		s.c.pause(250 * time.Millisecond)
	}
}

func (s *slow) over(kind string, took time.Duration, ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.took[kind] = append(s.took[kind], took)
	if ended {
		s.ended++
	} else if len(s.errs) < 10 {
		s.errs = append(s.errs, fmt.Errorf("%s: open after %v", kind, took.Round(time.Millisecond)))
	}
}

// wait returns when all have ended, or should have; others stay.
func (s *slow) wait(stay int) {
	s.running.Wait()
	s.deafEnd(stay)
}

// now is how many have ended.
func (s *slow) now() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}
