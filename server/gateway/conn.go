package gateway

import (
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
	"github.com/doorstep-sync/doorstep/syncengine/wire"
)

const (
	// strangerFrame bounds a message before the token is known.
	strangerFrame = 64 << 10
	// helloFrame bounds a Hello whose device is known: it may name some thousand staged scopes.
	helloFrame = 1 << 20
	// crowded is how many messages may wait to be sent before no more are read.
	crowded = 256
)

// conn is one connection. Its reader owns the reading half of ws and the limiter; its writer, which is there while there is
// something to do, owns the writing half and asks the centre for what is to be sent, so that no more is read from the store
// than the socket takes; while changesets are being committed a third goroutine waits for that. The session is under mu.
type conn struct {
	g       *Gateway
	ws      *websocket.Conn
	format  wire.Format
	writing writing
	rung    atomic.Bool   // the county has moved since the writer looked
	pingAt  time.Time     // the writer's
	alarm   *time.Timer   // calls the writer; set by it
	unbell  func()        // ends the bell's subscription
	written chan struct{} // closed when the writer is done for good
	limiter *rate.Limiter
	device  string // under g.mu; "" until the token is known
	long    *long  // what the message being read takes of g.incoming, nil if it is short; the reader's

	mu         sync.Mutex // guards what follows
	room       *sync.Cond // out got shorter, or the connection ended
	session    *session.Centre
	who        Identity
	out        []session.Message
	asks       []session.Effect  // *Open, *Read and *Tell, for the writer, in order
	readAt     time.Time         // when what lies in out was read: its rights are looked at again if it lies long
	holding    func()            // gives back what the heavy part in out takes; nil for none
	waiting    []*session.Submit // not committed yet
	arrived    int               // bytes of the pushes in waiting
	underway   int               // bytes of those being committed
	committing bool              // a goroutine is at it
	owed       *long             // given back when it is done
	limit      int               // bytes that a message may have now
	ending     *ending           // set once: nothing more is taken from the device
	gone       bool              // the device is not there any more: nothing can be sent
	lingering  bool              // the read deadline is the last one
}

// ending is how a connection ends.
type ending struct {
	code  session.NoticeCode
	close int
	text  string
	told  bool // the session has sent the Notice itself
}

func newConn(g *Gateway, ws *websocket.Conn, f wire.Format) *conn {
	c := &conn{
		g: g, ws: ws, format: f, written: make(chan struct{}), limit: strangerFrame,
		session: session.NewCentre(g.opts.Centre.Limits(), g.now()),
		limiter: rate.NewLimiter(rate.Limit(g.opts.PushRate), g.opts.PushBurst),
	}
	c.room = sync.NewCond(&c.mu)
	c.writing.begin() // by start; who ends the connection before that leaves a call
	return c
}

// now is the centre's clock, ms.
func (g *Gateway) now() int64 { return g.opts.Now().UnixMilli() }

// claim notes who the device is.
func (c *conn) claim(who Identity) {
	c.mu.Lock()
	c.who = who
	c.limit = helloFrame
	c.session.Spending(func(now int64) bool { return c.g.checks.spend(who.Device, now) })
	c.mu.Unlock()
	c.g.claim(c, who.Device)
}

// with runs fn on the session and takes its effects. After the end the session hears nothing more.
func (c *conn) with(fn func(s *session.Centre, now int64) []session.Effect) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending == nil {
		c.take(fn(c.session, c.g.now()))
	}
}

// take does what the session asks for, or gives it to the goroutine that will. It needs mu.
func (c *conn) take(effects []session.Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case *session.Send:
			c.out = append(c.out, e.Message)
		case *session.Open, *session.Read, *session.Tell:
			c.asks = append(c.asks, e)
		case *session.Submit:
			c.waiting = append(c.waiting, e)
			if !c.committing {
				c.committing = true
				c.g.running.Add(1) // the reader still runs, so this is not the first
				go c.commit()
			}
		case *session.Verify:
			c.g.running.Add(1) // the reader still runs, so this is not the first
			go c.verify(e.Request)
		case *session.Report:
			if c.g.opts.Checked != nil {
				c.g.running.Add(1)
				go c.checked(e)
			}
		case *session.Close:
			c.ending = &ending{e.Code, wire.CloseCode(e.Code), e.Text, true}
			c.room.Broadcast()
		}
	}
	c.stir()
}

// stir has the writer look for what there is to do.
func (c *conn) stir() {
	if c.writing.call() {
		go c.write()
	}
}

// end ends the connection with a Notice and the close code that goes with it. The first end counts.
func (c *conn) end(code session.NoticeCode, text string) { c.endWith(code, wire.CloseCode(code), text) }

func (c *conn) endWith(code session.NoticeCode, closeCode int, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending == nil {
		c.ending = &ending{code, closeCode, text, false}
	}
	c.room.Broadcast()
	c.stir()
}

// lost notes that the device is not there any more.
func (c *conn) lost() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending == nil {
		c.ending = &ending{code: "gone"}
	}
	c.gone = true
	c.room.Broadcast()
	c.stir()
}

// commit submits what waits until nothing does. Everything that came while the last commit was under way goes into
// the next one together.
func (c *conn) commit() {
	defer c.g.running.Done()
	defer c.guard("commit")
	for {
		batch := c.batch()
		if len(batch) == 0 {
			return
		}
		for len(batch) > 0 {
			n := portion(batch)
			c.submit(batch[:n])
			batch = batch[n:]
		}
	}
}

// most is how many changesets of one connection are committed at once: while a device stores the verdicts on some, the
// centre judges the next, and other devices wait for no more than these.
const most = 256

// portion tells how many submits, at least one, are committed together.
func portion(batch []*session.Submit) int {
	sets := 0
	for i, s := range batch {
		if sets += len(s.Changesets); sets > most && i > 0 {
			return i
		}
	}
	return len(batch)
}

// batch takes what waits to be committed. Nothing means that this goroutine is done.
func (c *conn) batch() []*session.Submit {
	c.mu.Lock()
	defer c.mu.Unlock()
	batch := c.waiting
	c.waiting = nil
	c.underway, c.arrived = c.arrived, 0
	c.room.Broadcast()
	if len(batch) == 0 {
		c.committing = false
		c.repay()
		c.stir() // the writer may wait with the end for this
	}
	return batch
}

// submit is not bound to the connection: what was received is committed whether or not the device still listens.
func (c *conn) submit(batch []*session.Submit) {
	var list []*se.Changeset
	for _, s := range batch {
		list = append(list, s.Changesets...)
	}
	began := c.g.opts.Now()
	results, err := c.g.opts.Centre.Submit(c.g.ctx, list, batch[0].Contact)
	verdicts, code, text := c.outcome(results, err)
	c.g.opts.Observer.Committed(len(verdicts), c.g.opts.Now().Sub(began))
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ending == nil:
		c.take(c.session.Committed(len(list), verdicts, code, text, c.g.now()))
	case c.ending.code == session.NoticeStopping && len(verdicts) > 0:
		c.out = append(c.out, &session.Verdicts{Verdicts: verdicts})
	}
}

// outcome sorts results into verdicts and, where they end early, the reason.
func (c *conn) outcome(results []se.Result, err error) (verdicts []se.Verdict, code session.NoticeCode, text string) {
	for _, r := range results {
		if r.Err != nil {
			err = r.Err
			break
		}
		verdicts = append(verdicts, r.Verdict)
	}
	if err == nil {
		return verdicts, "", ""
	}
	code, text = failure(err)
	if code == session.NoticeInternal && c.g.ctx.Err() == nil {
		c.g.opts.Log.Error().Err(err).Str("device", c.name()).Msg("cannot commit changesets")
	}
	return verdicts, code, text
}

// name is the device's id, for logs.
func (c *conn) name() string {
	c.g.mu.Lock()
	defer c.g.mu.Unlock()
	return c.device
}

// guard keeps a bug in one connection from stopping the centre.
func (c *conn) guard(where string) {
	r := recover()
	if r == nil {
		return
	}
	c.mu.Lock()
	if where == "commit" {
		c.committing = false
		c.repay()
	}
	c.mu.Unlock()
	c.g.opts.Log.Error().Str("where", where).Type("panic", r).Bytes("stack", debug.Stack()).Msg("bug: a connection panicked")
	c.end(session.NoticeInternal, "the centre made a mistake on this connection; come back later")
}
