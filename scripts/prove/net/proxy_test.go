//go:build prove

package net

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// kind is what a network does to a connection.
type kind int

const (
	cut     kind = iota // ends both ways in order, in the middle of anything
	reset               // ends both ways by RST, with what was in flight
	stall               // carries nothing for a while, and then goes on
	drip                // carries a few bytes at a time
	swallow             // takes one direction's bytes and carries none of them, while the other one works; then it ends
	refuse              // ends, and for a while takes no connection
	kinds
)

func (k kind) String() string {
	return [...]string{"cut", "reset", "stalled", "dripped", "swallowed one way", "refused"}[k]
}

// direction of bytes.
type direction int

const (
	up direction = iota
	down
)

// fault strikes at a byte of one direction.
type fault struct {
	kind  kind
	way   direction
	after int           // bytes that come through before
	long  time.Duration // how long it lasts: 100 ms to 2 s
	slow  int           // bytes that drip
}

// proxy stands between one phone and the centre. Its faults are a function of its seed and of the bytes that come.
type proxy struct {
	address, centre string

	mu       sync.Mutex
	random   *rand.Rand   // under mu
	healed   bool         // under mu: nothing goes wrong any more
	listener net.Listener // under mu; nil = it refuses
	struck   [kinds][2]int
}

// newProxy starts one in front of the centre's address.
func newProxy(t testing.TB, centre string, random *rand.Rand) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{address: l.Addr().String(), centre: centre, random: random, listener: l, healed: true}
	go p.serve(l)
	t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.healed = true
		if p.listener != nil {
			_ = p.listener.Close()
		}
	})
	return p
}

// breakDown lets faults begin; heal ends them.
func (p *proxy) breakDown() { p.mu.Lock(); defer p.mu.Unlock(); p.healed = false }
func (p *proxy) heal()      { p.mu.Lock(); defer p.mu.Unlock(); p.healed = true }

// faults counts those that struck.
func (p *proxy) faults() (struck [kinds][2]int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.struck
}

// draw gives the next fault of a connection. Half of them strike within what a greeting takes.
func (p *proxy) draw() fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	bits := 4 + p.random.IntN(11)
	return fault{
		kind: kind(p.random.IntN(int(kinds))), way: direction(p.random.IntN(2)), after: p.random.IntN(1 << bits),
		long: time.Duration(float64(100*time.Millisecond) * math.Pow(20, p.random.Float64())), slow: 100 + p.random.IntN(1900),
	}
}

// strikes notes that a fault comes to pass; false once all is healed.
func (p *proxy) strikes(f fault) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.healed {
		p.struck[f.kind][f.way]++
	}
	return !p.healed
}

func (p *proxy) serve(l net.Listener) {
	for {
		phone, err := l.Accept()
		if err != nil {
			return
		}
		centre, err := net.Dial("tcp", p.centre)
		if err != nil {
			_ = phone.Close()
			continue
		}
		c := &carried{proxy: p, ends: [2]*net.TCPConn{phone.(*net.TCPConn), centre.(*net.TCPConn)}, next: p.draw()}
		go c.run()
	}
}

// shut refuses connections for a while.
func (p *proxy) shut(long time.Duration) {
	p.mu.Lock()
	l := p.listener
	p.listener = nil
	p.mu.Unlock()
	if l == nil {
		return // it does already
	}
	_ = l.Close()
	<-time.After(long)
	again, err := net.Listen("tcp", p.address)
	if err != nil {
		panic("the proxy cannot listen again: " + err.Error())
	}
	p.mu.Lock()
	p.listener = again
	p.mu.Unlock()
	go p.serve(again)
}

// carried is one connection.
type carried struct {
	*proxy
	ends [2]*net.TCPConn // the phone's, the centre's

	lock sync.Mutex
	next fault // under lock
}

func (c *carried) run() {
	var both sync.WaitGroup
	both.Go(func() { c.carry(up) })
	both.Go(func() { c.carry(down) })
	both.Wait()
	c.end(false)
}

func (c *carried) end(hard bool) {
	for _, e := range c.ends {
		if hard {
			_ = e.SetLinger(0)
		}
		_ = e.Close()
	}
}

// carry carries one direction to its end.
func (c *carried) carry(way direction) {
	from, to := c.ends[way], c.ends[1-way]
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		for rest := buffer[:n]; len(rest) > 0; {
			var over bool
			if rest, over = c.some(way, rest, to); over {
				return
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			_ = to.CloseWrite()
			return
		case err != nil:
			c.end(false)
			return
		}
	}
}

// some carries what comes before the next fault, and then is that fault; it gives what is left to carry.
func (c *carried) some(way direction, bytes []byte, to *net.TCPConn) (rest []byte, over bool) {
	c.lock.Lock()
	f := c.next
	if f.way == way {
		c.next.after -= min(len(bytes), f.after)
	}
	c.lock.Unlock()
	if f.way != way || f.after >= len(bytes) {
		_, err := to.Write(bytes)
		return nil, err != nil
	}
	if _, err := to.Write(bytes[:f.after]); err != nil {
		return nil, true
	}
	rest = bytes[f.after:]
	if !c.strikes(f) {
		c.another()
		return rest, false
	}
	return c.strike(f, rest, to)
}

// another gives the connection its next fault.
func (c *carried) another() {
	next := c.draw()
	c.lock.Lock()
	defer c.lock.Unlock()
	c.next = next
}

func (c *carried) strike(f fault, rest []byte, to *net.TCPConn) ([]byte, bool) {
	switch f.kind {
	case cut:
		c.end(false)
		return nil, true
	case reset:
		c.end(true)
		return nil, true
	case refuse:
		c.end(true)
		c.shut(f.long)
		return nil, true
	case swallow:
		_ = c.ends[f.way].SetReadDeadline(time.Now().Add(f.long))
		_, _ = io.Copy(io.Discard, c.ends[f.way])
		c.end(true)
		return nil, true
	case stall:
		<-time.After(f.long)
	case drip:
		for n := 0; n < f.slow && len(rest) > 0; {
			k := min(1+n%7, len(rest))
			if _, err := to.Write(rest[:k]); err != nil {
				return nil, true
			}
			rest, n = rest[k:], n+k
			<-time.After(200 * time.Microsecond)
		}
	}
	c.another()
	return rest, false
}

// tally adds up what struck at several proxies.
type tally map[string]int

func (t tally) add(p *proxy) (sum int) {
	for k, ways := range p.faults() {
		for way, n := range ways {
			t[kind(k).String()+[...]string{", to the centre", ", to the phone"}[way]] += n
			sum += n
		}
	}
	return sum
}

func (t tally) String() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(t)) {
		parts = append(parts, fmt.Sprintf("%s: %d", name, t[name]))
	}
	return strings.Join(parts, "; ")
}
