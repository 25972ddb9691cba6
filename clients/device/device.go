// Package device is the Go SDK of a Doorstep device: a replica in a plain SQLite file, and the loop that keeps it in
// step with the centre.
//
// Start with Create or Open. Write changes rows, Get, List and Query read them, Sync or Run talk to the centre. Any
// other program may read and write the same file with plain SQL at the same time: what it writes is captured by
// triggers and becomes a changeset like everything else.
//
// The rules of synchronising are not here: package replica seals, stages and applies, package session holds the
// conversation. This package gives both a file, a clock and a socket.
package device

import (
	"context"
	"crypto/rand"
	"database/sql"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// Clock gives the device's readings at one moment, however wrong they are.
type Clock interface {
	Read() replica.Clock
}

// Options carry everything a replica needs from outside. The zero value is right for a program on a real device.
type Options struct {
	// Schema holds the declarations; nil = the built-in ones (load.Default).
	Schema *schema.Schema
	// Clock is read for every changeset and Hello; nil = the machine's clocks.
	Clock Clock
	// Rand is read for ids of new rows, keys and jitter, by several goroutines; nil = crypto/rand.
	Rand io.Reader
	// After makes back-off and polling wait; nil = time.After.
	After func(time.Duration) <-chan time.Time
	// Log is told what happens at the edges, never what is in a row; nil = nothing.
	Log *zerolog.Logger
	// BusyTimeout is how long a statement waits for another program's transaction; 0 = 10 s.
	BusyTimeout time.Duration
	// Cipher is the key of an encrypted replica, 32 random bytes; nil = not encrypted. It needs a program that was linked
	// with SQLite3MultipleCiphers (docs/security.md): with any other, Create and Open refuse with CodeNoCipher and touch
	// nothing. A file under another key is CodeWrongKey, without a key CodeEncrypted, one in clear CodeInClear.
	Cipher []byte
	// Keys keeps the keys of sealed columns; nil = a file beside the replica (see SealPath).
	Keys KeyKeeper
	// App is name and version of the program, for the people at the centre; "" = "doorstep".
	App string
}

func (o Options) withDefaults() (Options, error) {
	if o.Schema == nil {
		s, err := load.Default()
		if err != nil {
			return o, err
		}
		o.Schema = s
	}
	if o.Clock == nil {
		o.Clock = machineClock()
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.After == nil {
		o.After = time.After
	}
	if o.Log == nil {
		nop := zerolog.Nop()
		o.Log = &nop
	}
	if o.BusyTimeout == 0 {
		o.BusyTimeout = 10 * time.Second
	}
	if o.Cipher == nil {
		o.Cipher = everyKey
	}
	if o.App == "" {
		o.App = "doorstep"
	}
	return o, nil
}

// Replica is an open replica. It may be used by any number of goroutines; writers take turns. Several programs may
// have the same file open.
type Replica struct {
	path   string
	opts   Options
	schema *schema.Schema

	write *sql.DB   // one connection
	conn  *sql.Conn // that connection; whoever holds turn owns it
	turn  chan struct{}
	gone  chan struct{} // closed by Close
	read  *sql.DB       // read-only pool
	raw   *rawFile      // the same file, from before SQLite opens it until after it closed it

	spoiled atomic.Int32 // chunks that came damaged since the last step was applied

	sealed chan struct{} // capacity 1: something may have been sealed
	round  chan struct{} // capacity 1: held by the one conversation with the centre

	unclean atomic.Bool // the file was not closed properly, or another program has it open: see Check

	mu    sync.Mutex
	step  Progress // of the conversation that is running; guarded by mu
	close sync.Once
}

// Schema gives the declarations this replica works with. It is shared and must not be changed.
func (r *Replica) Schema() *schema.Schema { return r.schema }

// Path is the file's name as it was given.
func (r *Replica) Path() string { return r.path }

// Close gives the file back. What was written is durable already; a conversation that is running, and every later call, ends with an error.
// It waits for a transaction of this program to end.
func (r *Replica) Close() error {
	var err error
	r.close.Do(func() {
		close(r.gone)
		r.turn <- struct{}{} // never given back
		err = r.conn.Close()
		for _, db := range []*sql.DB{r.write, r.read} {
			if e := db.Close(); err == nil {
				err = e
			}
		}
		r.raw.release()
	})
	return err
}

// ring wakes Run: there may be something to send. It never blocks.
func (r *Replica) ring() {
	select {
	case r.sealed <- struct{}{}:
	default:
	}
}

func (r *Replica) control(ctx context.Context) (replica.Control, error) {
	return readControl(ctx, r.read)
}
