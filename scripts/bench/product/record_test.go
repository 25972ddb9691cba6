package product

import (
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/bench/line"
)

// apart is how far the recorder holds the ends from each other, one way: much longer than either takes to answer, so that who
// writes before he is given something did not wait for it.
const apart = 40 * time.Millisecond

// recorder stands between a device and the centre, and notes who wrote what after what.
type recorder struct {
	url string

	mu  sync.Mutex
	now *recording // under mu; of the newest connection
}

// recording is one connection.
type recording struct {
	mu     sync.Mutex
	pieces []line.Piece // under mu
	given  [2]int       // under mu; pieces of a way that whom it leads to was given
}

func newRecorder(t testing.TB, centre string) *recorder {
	t.Helper()
	r := &recorder{}
	r.url = between(t, func(device net.Conn) { r.carry(device, centre) })
	return r
}

// cut gives the newest connection's pieces up to now; what goes down and was not given yet came too late to matter.
func (r *recorder) cut() (out []line.Piece) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.now
	r.now = nil
	c.mu.Lock()
	defer c.mu.Unlock()
	downs := 0
	for _, p := range c.pieces {
		if p.Way == line.Down {
			if downs++; downs > c.given[line.Down] {
				continue
			}
		}
		out = append(out, p)
	}
	return out
}

func (r *recorder) carry(device net.Conn, centre string) {
	there, err := net.Dial("tcp", centre)
	if err != nil {
		device.Close()
		return
	}
	c := &recording{}
	r.mu.Lock()
	r.now = c
	r.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { c.way(line.Up, device, there) })
	both.Go(func() { c.way(line.Down, there, device) })
	both.Wait()
}

// held is a piece on its way.
type held struct {
	bytes []byte
	due   <-chan time.Time
}

// way carries one direction to its end.
func (c *recording) way(w line.Way, from, to net.Conn) {
	flying := make(chan held, 1<<12)
	var landing sync.WaitGroup
	landing.Go(func() {
		defer to.Close()
		for h := range flying {
			<-h.due
			c.mu.Lock()
			c.given[w]++ // before it is written: the answer must not be quicker
			c.mu.Unlock()
			if _, err := to.Write(h.bytes); err != nil {
				from.Close()
			}
		}
	})
	defer landing.Wait()
	defer close(flying)
	for {
		b := make([]byte, 64<<10)
		n, err := from.Read(b)
		if n > 0 {
			c.mu.Lock()
			c.pieces = append(c.pieces, line.Piece{Way: w, Bytes: n, After: c.given[1-w]})
			c.mu.Unlock()
			flying <- held{b[:n], time.After(apart)}
		}
		if err != nil {
			return
		}
	}
}

// TestRecorder: who waits is told from who does not.
func TestRecorder(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	go func() { // answers each byte with two
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		b := make([]byte, 1)
		for {
			if _, err := c.Read(b); err != nil {
				return
			}
			c.Write([]byte{b[0], b[0]})
		}
	}()
	r := newRecorder(t, l.Addr().String())
	c, err := net.Dial("tcp", r.url[len("http://"):])
	require.NoError(t, err)
	defer c.Close()
	answer := make([]byte, 2)
	ask := func() { _, err := c.Write([]byte{1}); require.NoError(t, err) }
	hear := func() { _, err := c.Read(answer); require.NoError(t, err) }
	ask()
	hear()
	ask()
	hear()
	require.Equal(t, []line.Piece{{Way: line.Up, Bytes: 1}, {Way: line.Down, Bytes: 2, After: 1}, {Way: line.Up, Bytes: 1, After: 1}, {Way: line.Down, Bytes: 2, After: 2}}, r.cut())
}
