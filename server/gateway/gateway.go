// Package gateway is the centre's door for devices: WebSocket connections on GET /v1/sync.
//
// It carries messages between sockets and session.Centre, which holds the rules of the conversation, and drives what
// the session asks for. syncengine/wire/protocol.md is what a device may rely on. Each connection has a reader, and a
// writer while there is something to do; nothing it does, or fails to do, is noticed by another one.
package gateway

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/rs/zerolog"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// Identity is who a token stands for.
type Identity struct {
	Account string
	Device  string
	Expires time.Time // the connection ends then; zero for never
}

// What an Authenticator refuses a token for. Any other error of it means that it could not tell: come back later.
var (
	ErrUnauthorised = errors.New("gateway: the token is not valid")
	ErrRevoked      = errors.New("gateway: the device is revoked")
)

// Authenticator checks access tokens of devices.
type Authenticator interface {
	Authenticate(ctx context.Context, token string) (Identity, error)
}

// Centre is what the gateway needs of the county; server/centre has it. Its methods are called by many goroutines.
type Centre interface {
	Limits() se.Limits
	// Welcome answers a Hello. A *se.Retire lets the device drain and purge; ErrUnknownDevice and ErrRevoked of syncengine
	// close the connection for good.
	Welcome(se.Hello) (*se.Welcome, error)
	// Tell makes durable what a device answered about grants that ended, and gives when it was told of them.
	Tell(se.Tell) (at int64, err error)
	// Present tells whether a view is the one that the device's person has now.
	Present(device, view string) (bool, error)
	// Submit returns when the verdicts are durable. Results are in the order given; an Err in one ends them.
	Submit(context.Context, []*se.Changeset, se.Contact) ([]se.Result, error)
	Next(se.NextRequest) (*se.Part, error)
	// Prepare makes the snapshot that Next asked for. It may wait for its turn until gone is closed or ctx ends.
	Prepare(ctx context.Context, gone <-chan struct{}, req se.NextRequest, scope string) error
	// Check compares a replica with what it should hold. It may take seconds; nothing says that there is no time now.
	Check(context.Context, se.CheckRequest) ([]se.Repair, error)
}

// Bell tells when the county may have moved; feed.County has it.
type Bell interface {
	// Subscribe has ring, which does not block, called whenever the county may have moved, until cancel returns.
	Subscribe(ring func()) (cancel func())
}

// Observer is told what happens, for metrics. It must not block. Kinds of messages are hello, push, delta …
type Observer interface {
	Refused(status int)                  // a handshake
	Opened()                             // a connection
	Closed(code string)                  // a connection: a session.NoticeCode, or "gone" if the device hung up
	Received(kind string, bytes int)     // a message
	Sent(kind string, bytes int)         // a message
	Committed(n int, took time.Duration) // changesets of one connection, from their coming to their verdicts
}

// Options are what a Gateway is made of. Auth, Centre, Bell and Now are required.
type Options struct {
	Auth   Authenticator
	Centre Centre
	Bell   Bell
	// Now is the process's own clock: deadlines of sockets are judged by it.
	Now func() time.Time
	Log zerolog.Logger // zero: nothing
	// Checked is told how a device's check of its replica ended; nil: nobody. It is called on a goroutine of its own.
	Checked func(device string, r se.CheckReport)
	// Ended is told where a device stood when a connection of it ended, if it has moved since its Hello; nil: nobody. The
	// connection's own goroutine calls it, before Shutdown returns.
	Ended    func(device string, reached se.Base)
	Observer Observer // nil: nobody

	// Origins are allowed besides the page's own host, such as https://console.example.org.
	Origins []string
	// MaxConnections is how many sockets may be open at once; 0 = 10,000.
	MaxConnections int
	// MaxStrangers is how many of them may be without a token yet; 0 = 500.
	MaxStrangers int
	// MaxPerDevice is how many of them one device may have, the oldest giving way; 0 = 3.
	MaxPerDevice int
	// PushRate is how many changesets a second a connection may offer in the long run, PushBurst how many at once;
	// what is above waits. 0 = 200 and 10,000: what a phone wrote in weeks without a network comes in at once.
	PushRate  float64
	PushBurst int
	// MaxUnjudged is how many bytes of changesets of one connection may wait for their verdicts before no more are
	// read; 0 = 64 MiB: one of the largest and some small ones. While the committer is busy a device would otherwise fill
	// the centre's memory.
	MaxUnjudged int
	// MaxIncoming is how many bytes long messages of devices (above 1 MiB) may take in all, from their coming until they are
	// judged, and one of them beyond that; only a quarter of it is for those above a sixteenth. A device has one at a time.
	// Who finds no room waits, no longer than what has come of its message may take, and is then told to come back.
	// 0 = 32 MiB. The longest messages of all connections at once would be more than any machine has.
	MaxIncoming int
	// MaxHeavy is how many bytes heavy parts (of replicas that begin from nothing, or lack much) may take in all, from
	// their reading until sockets have taken them; who comes later waits. 0 = 64 MiB.
	MaxHeavy int
	// Deadlines; zero fields take the defaults.
	Deadlines Deadlines
}

// Deadlines bound what a connection may wait for. A longer message may take longer: see slowest.
type Deadlines struct {
	Handshake time.Duration // checking the token, writing the answer; 10 s. The request itself is http.Server's to bound
	Hello     time.Duration // until the first message is there; 10 s
	Read      time.Duration // without any sign of the device, also inside a message; 43 s: with Linger, a dead link is gone within 45 s
	Ping      time.Duration // between pings; 15 s
	Write     time.Duration // for one message; 10 s
	Linger    time.Duration // for the device to take notice of the end; 1 s
	Patience  time.Duration // for a heavy part to come, before the device is told that it waits for its turn; 2 s
}

// slowest is the slowest link that works, in bytes a second: a message of n bytes gets n/slowest longer.
const slowest = 8 << 10

// longer is how much longer a message of so many bytes may take.
func longer(bytes int) time.Duration { return time.Duration(bytes) * time.Second / slowest }

func (d *Deadlines) defaults() {
	for _, f := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&d.Handshake, 10 * time.Second}, {&d.Hello, session.HelloWithin * time.Millisecond}, {&d.Read, 43 * time.Second},
		{&d.Ping, 15 * time.Second}, {&d.Write, 10 * time.Second}, {&d.Linger, time.Second}, {&d.Patience, 2 * time.Second},
	} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
}

// Gateway serves sockets. It is an http.Handler for one path.
type Gateway struct {
	opts     Options
	origins  map[string]bool
	upgrader websocket.Upgrader
	incoming *incoming
	heavy    *gate
	reading  chan struct{} // bounds how many heavy parts are read at once, so that the store has readers left for light ones
	decoding chan struct{} // bounds how many large messages are decoded at once

	checks allowances // of devices

	ctx    context.Context // of everything that outlives a handshake; ends when Shutdown's patience does
	cancel context.CancelFunc

	mu        sync.Mutex // guards what follows
	stopping  bool
	conns     map[*conn]struct{}
	devices   map[string][]*conn // oldest first
	strangers int                // of conns, those without a device
	coming    int                // have a place, and are being answered
	// comingStrangers are those of them without a token in their request.
	comingStrangers int
	running         sync.WaitGroup // goroutines of connections; a connection adds its own while not stopping
}

// New makes a Gateway; it fails for an origin that no browser would send.
func New(o Options) (*Gateway, error) {
	origins, err := parseOrigins(o.Origins)
	if err != nil {
		return nil, err
	}
	o.MaxConnections = or(o.MaxConnections, 10_000)
	o.MaxStrangers = or(o.MaxStrangers, 500)
	o.MaxPerDevice = or(o.MaxPerDevice, 3)
	o.PushRate = or(o.PushRate, 200)
	o.PushBurst = or(o.PushBurst, 10_000)
	o.MaxUnjudged = or(o.MaxUnjudged, 64<<20)
	o.MaxIncoming = or(o.MaxIncoming, 32<<20)
	o.MaxHeavy = or(o.MaxHeavy, 64<<20)
	o.Deadlines.defaults()
	if o.Observer == nil {
		o.Observer = nobody{}
	}
	g := &Gateway{
		opts: o, origins: origins, conns: map[*conn]struct{}{}, devices: map[string][]*conn{}, decoding: make(chan struct{}, 2),
		incoming: newIncoming(o.MaxIncoming), heavy: newGate(o.MaxHeavy), reading: make(chan struct{}, 2),
	}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	g.upgrader = websocket.Upgrader{
		HandshakeTimeout: o.Deadlines.Handshake, ReadBufferSize: 512, WriteBufferSize: 4096, WriteBufferPool: &sync.Pool{},
		CheckOrigin: func(*http.Request) bool { return true }, // checked before, with a sentence
		Error: func(w http.ResponseWriter, _ *http.Request, status int, reason error) {
			g.refuse(w, status, "this is no WebSocket handshake: "+reason.Error())
		},
	}
	return g, nil
}

func or[T int | float64](x, otherwise T) T {
	if x == 0 {
		return otherwise
	}
	return x
}

// Revoked closes a device's connections at once. The caller has made the revocation durable before: on the connection
// that comes next the device is retired, and gets nothing but that.
func (g *Gateway) Revoked(device string) {
	g.mu.Lock()
	list := append([]*conn(nil), g.devices[device]...)
	g.mu.Unlock()
	for _, c := range list {
		c.end(session.NoticeGap, "what this device may do has changed; say Hello again")
	}
}

// Reached tells where a device stands that is connected now, by its own word: the furthest of its connections.
func (g *Gateway) Reached(device string) (at se.Base, connected bool) {
	g.mu.Lock()
	list := append([]*conn(nil), g.devices[device]...)
	g.mu.Unlock()
	for _, c := range list {
		c.mu.Lock()
		here, greeted := c.session.Reached(), c.session.Device() != ""
		c.mu.Unlock()
		if greeted && (!connected || at.Epoch < here.Epoch || at.Epoch == here.Epoch && at.Seq < here.Seq) {
			at = here
		}
		connected = connected || greeted
	}
	return at, connected
}

// Connections tells how many sockets are open.
func (g *Gateway) Connections() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.conns)
}

// Shutdown takes no more connections, lets commits under way answer, tells every device that the centre is stopping
// and returns when all are gone. When ctx ends first, it cuts the rest off and returns ctx's error.
func (g *Gateway) Shutdown(ctx context.Context) error {
	g.mu.Lock()
	g.stopping = true
	list := slices.Collect(maps.Keys(g.conns))
	g.mu.Unlock()
	for _, c := range list {
		c.end(session.NoticeStopping, "the centre is about to stop; come back in a moment")
	}
	defer g.cancel()
	gone := make(chan struct{})
	go func() { g.running.Wait(); close(gone) }()
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
	}
	g.cancel()
	for _, c := range list {
		c.ws.Close()
	}
	<-gone
	return ctx.Err()
}

// reserve keeps a place for one more connection, if there is one: then it gives "", and add or leave has to follow. stranger
// says that its device is not known yet. Only looking whether there is room would let in all of those who come at once.
func (g *Gateway) reserve(stranger bool) (code session.NoticeCode, why string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.stopping:
		return session.NoticeStopping, "the centre is about to stop; come back in a moment"
	case len(g.conns)+g.coming >= g.opts.MaxConnections, stranger && g.strangers+g.comingStrangers >= g.opts.MaxStrangers:
		return session.NoticeBusy, "too many connections are open; come back in a moment"
	}
	g.coming++
	if stranger {
		g.comingStrangers++
	}
	return "", ""
}

// leave gives back a place that was reserved.
func (g *Gateway) leave(stranger bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.arrived(stranger)
}

func (g *Gateway) arrived(stranger bool) {
	g.coming--
	if stranger {
		g.comingStrangers--
	}
}

// add takes a connection in at its place, so that its goroutines may start; false if the gateway began to stop meanwhile.
func (g *Gateway) add(c *conn, stranger bool) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.arrived(stranger)
	if g.stopping {
		return false
	}
	g.conns[c] = struct{}{}
	g.strangers++
	g.running.Add(2)
	return true
}

// claim enters a connection under its device, from which on Revoked finds it. The oldest beyond the limit give way.
func (g *Gateway) claim(c *conn, device string) {
	g.mu.Lock()
	g.strangers--
	c.device = device
	list := append(slices.Clone(g.devices[device]), c)
	g.devices[device] = list
	old := append([]*conn(nil), list[:max(0, len(list)-g.opts.MaxPerDevice)]...)
	g.mu.Unlock()
	for _, c := range old {
		c.end(session.NoticeProtocol, "this device has opened newer connections; one is enough")
	}
}

// remove forgets a connection that has ended.
func (g *Gateway) remove(c *conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.conns, c)
	if c.device == "" {
		g.strangers--
		return
	}
	list := slices.DeleteFunc(slices.Clone(g.devices[c.device]), func(x *conn) bool { return x == c })
	if g.devices[c.device] = list; len(list) == 0 {
		delete(g.devices, c.device)
	}
}

// nobody is the Observer of a gateway without one.
type nobody struct{}

func (nobody) Refused(int)                  {}
func (nobody) Opened()                      {}
func (nobody) Closed(string)                {}
func (nobody) Received(string, int)         {}
func (nobody) Sent(string, int)             {}
func (nobody) Committed(int, time.Duration) {}
