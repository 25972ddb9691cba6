// Package centre drives the engine for everything that submits and reads: one goroutine commits, in groups, whatever
// waits from all connections; readers go past it. No rule lives here.
package centre

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/doorstep-sync/doorstep/server/batch"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// Bell is rung after each commit that moved the head. It must not block.
type Bell interface{ Ring() }

// Observer is told about commits, for metrics. It must not block.
type Observer interface {
	Committed(changesets int, took time.Duration)
	Judged(kind syncengine.VerdictKind)
}

// Epochs remembers, beside the database, the newest epoch that ever began.
type Epochs interface {
	Newest() int64
	Begun(syncengine.Restore)
}

// Options are what a Centre needs besides engine and store. Now is required; the others may be nil.
type Options struct {
	Now      func() time.Time
	Bell     Bell
	Observer Observer
	Epochs   Epochs // nil = nobody remembers
	// MaxGroup bounds the changesets of one transaction; 0 = 256.
	MaxGroup int
	// Snapshots are what devices that begin from nothing are given; nil = everybody's rows are read anew.
	Snapshots *syncengine.Snapshots
	// MaxGroupCells bounds the cell writes of one transaction once it holds a changeset; 0 = 20,000.
	MaxGroupCells int
}

// ErrStopped says that the centre takes no more submissions.
var ErrStopped = errors.New("centre: stopped")

// Centre is safe for use by any number of goroutines.
type Centre struct {
	engine *syncengine.Engine
	store  syncengine.Store
	tells  tells
	opts   Options
	queue  chan *request
	look   chan struct{} // capacity 1: commits may have left something over
	more   chan struct{} // capacity 1: they have
	stop   chan struct{}
	done   sync.WaitGroup

	mu    sync.Mutex
	heard map[string]syncengine.Heard // not yet written; guarded by mu

	readings []*batch.Group[*syncengine.Reading]
	commits  precedence

	building chan struct{} // capacity: snapshots that are read and packed at once
	memo     *syncengine.DigestMemo
	checking chan struct{} // holds the one check that reads
	waiting  atomic.Int32  // checks that wait for their turn
}

// Of checks: each reads a scope. One at a time leaves the processors to commits and deltas; when more wait than this, the
// next devices are told to come again.
const (
	maxChecksWaiting = 64
	rememberedScopes = 64 // digests of scopes kept: 30 devices that look after one grid cost one reading
)

type request struct {
	subs    []syncengine.Submission
	results chan []syncengine.Result // capacity 1: the committer never waits for who asked
}

// New starts the committer. Close stops it.
func New(engine *syncengine.Engine, store syncengine.Store, opts Options) *Centre {
	if opts.MaxGroup == 0 {
		opts.MaxGroup = 256
	}
	if opts.MaxGroupCells == 0 {
		opts.MaxGroupCells = 20_000
	}
	c := &Centre{
		engine: engine, store: store, tells: newTells(store), opts: opts,
		queue: make(chan *request), look: make(chan struct{}, 1), more: make(chan struct{}, 1), stop: make(chan struct{}),
		heard: map[string]syncengine.Heard{}, building: make(chan struct{}, 1),
		memo: syncengine.NewDigestMemo(rememberedScopes), checking: make(chan struct{}, 1),
	}
	for range max(1, runtime.GOMAXPROCS(0)/2) { // a processor is left for commits
		c.readings = append(c.readings, batch.New(maxTogether, c.together))
	}
	c.done.Go(c.commit)
	c.done.Go(c.leftOver)
	return c
}

// Close finishes the group under way, answers it, and takes no more. It may be called once.
func (c *Centre) Close() {
	close(c.stop)
	c.done.Wait()
}

// Now is the centre's clock in ms since 1970 UTC.
func (c *Centre) Now() int64 { return c.opts.Now().UnixMilli() }

// Limits are what the engine takes.
func (c *Centre) Limits() syncengine.Limits { return c.engine.Limits() }

// Submit commits changesets of one device in order and returns when their verdicts are durable. The results are in
// the order given; the first Err ends them (what comes after it in the same device's order cannot be judged either).
func (c *Centre) Submit(ctx context.Context, list []*syncengine.Changeset, contact syncengine.Contact) ([]syncengine.Result, error) {
	r := &request{results: make(chan []syncengine.Result, 1)}
	now := c.Now()
	for _, cs := range list {
		r.subs = append(r.subs, syncengine.Submission{Changeset: cs, Contact: contact, Now: now})
	}
	c.commits.enter()
	defer c.commits.leave()
	select {
	case c.queue <- r:
	case <-c.stop:
		return nil, ErrStopped
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the committer: %w", ctx.Err())
	}
	// From here on it will be committed, whether or not anybody still listens.
	select {
	case results := <-r.results:
		return results, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the commit: %w", ctx.Err())
	}
}

// Decide commits one changeset of a console session.
func (c *Centre) Decide(ctx context.Context, cs *syncengine.Changeset) (syncengine.Verdict, error) {
	results, err := c.Submit(ctx, []*syncengine.Changeset{cs}, syncengine.Contact{At: c.Now(), Boot: cs.Boot, Mono: cs.Mono})
	if err != nil {
		return syncengine.Verdict{}, err
	}
	return results[0].Verdict, results[0].Err
}

// Welcome answers a Hello, and makes durable what the device is told by it. The error is a *syncengine.Retire for a
// device that may only drain and purge.
func (c *Centre) Welcome(h syncengine.Hello) (*syncengine.Welcome, error) {
	w, err := c.engine.Open(c.tells, h, c.Now())
	if err == nil {
		c.hear(h)
	}
	if lost := (*syncengine.LostError)(nil); errors.As(err, &lost) {
		return nil, c.lost(lost)
	}
	return w, err
}

// Tell makes durable what a device answered about grants that ended.
func (c *Centre) Tell(t syncengine.Tell) (at int64, err error) {
	return c.engine.Record(c.tells, t, c.Now())
}

// Present tells whether a view is the one that the device's person has now.
func (c *Centre) Present(device, view string) (ok bool, err error) {
	err = c.store.View(func(tx syncengine.ReadTx) (err error) {
		ok, err = c.engine.Present(tx, device, view, c.Now())
		return err
	})
	return ok, err
}

// Check compares a replica's digests with the rows that it should hold, from one consistent state. Nothing says that
// there is no time for it now.
func (c *Centre) Check(ctx context.Context, req syncengine.CheckRequest) ([]syncengine.Repair, error) {
	if c.waiting.Add(1) > maxChecksWaiting {
		c.waiting.Add(-1)
		return nil, nil
	}
	defer c.waiting.Add(-1)
	select {
	case c.checking <- struct{}{}:
	case <-c.stop:
		return nil, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a check: %w", ctx.Err())
	}
	defer func() { <-c.checking }()
	req.Now = c.Now()
	var out []syncengine.Repair
	err := c.store.View(func(tx syncengine.ReadTx) (err error) {
		out, err = c.engine.Check(tx, c.memo, req)
		return err
	})
	return out, err
}

// commit takes whatever waits as one group: under load one fsync serves many devices, alone a changeset waits for
// nobody.
func (c *Centre) commit() {
	c.looked() // what the process before left over
	var left *request
	for {
		group := []*request{left}
		if left == nil {
			select {
			case r := <-c.queue:
				group[0] = r
			case <-c.more:
				c.tend()
				continue
			case <-c.stop:
				return
			}
		}
		left = c.fill(&group)
		c.run(group)
		if left == nil {
			select {
			case <-c.stop:
				return
			default:
			}
		}
	}
}

// fill adds what waits to the group; a request that does not fit is returned for the next one.
func (c *Centre) fill(group *[]*request) *request {
	sets, cells := 0, 0
	for _, r := range *group {
		sets, cells = sets+len(r.subs), cells+r.cells()
	}
	for sets < c.opts.MaxGroup {
		select {
		case r := <-c.queue:
			if cells+r.cells() > c.opts.MaxGroupCells {
				return r
			}
			*group = append(*group, r)
			sets, cells = sets+len(r.subs), cells+r.cells()
		default:
			return nil
		}
	}
	return nil
}

func (r *request) cells() int {
	n := 0
	for _, s := range r.subs {
		for i := range s.Changeset.Changes {
			n += 1 + len(s.Changeset.Changes[i].Cells)
		}
	}
	return n
}

func (c *Centre) run(group []*request) {
	var subs []syncengine.Submission
	for _, r := range group {
		subs = append(subs, r.subs...)
	}
	began := c.opts.Now()
	results := c.engine.Commit(c.store, subs)
	moved := false
	for _, r := range results {
		moved = moved || r.Err == nil
		if c.opts.Observer != nil && r.Err == nil {
			c.opts.Observer.Judged(r.Verdict.Kind)
		}
	}
	if c.opts.Observer != nil {
		c.opts.Observer.Committed(len(subs), c.opts.Now().Sub(began))
	}
	for _, r := range group {
		n := len(r.subs)
		r.results <- results[:n:n]
		results = results[n:]
	}
	if moved && c.opts.Bell != nil {
		c.opts.Bell.Ring()
	}
	c.looked()
}

// looked asks leftOver to look, beside the commits: the next group does not wait for somebody who reads.
func (c *Centre) looked() {
	select {
	case c.look <- struct{}{}:
	default:
	}
}

// leftOver notes whether commits have left something over, such as parked changesets that may take effect now.
func (c *Centre) leftOver() {
	for {
		select {
		case <-c.look:
		case <-c.stop:
			return
		}
		left := false
		if err := c.store.View(func(tx syncengine.ReadTx) (err error) { left, err = c.engine.Left(tx); return err }); err != nil || !left {
			continue // what is left waits for the next commit
		}
		select {
		case c.more <- struct{}{}:
		default:
		}
	}
}

// tend does some of what was left over, between the groups of others.
func (c *Centre) tend() {
	if _, err := c.engine.Tend(c.store); err != nil {
		return // the store cannot write now: the next commit comes back to it
	}
	if c.opts.Bell != nil {
		c.opts.Bell.Ring()
	}
	c.looked()
}
