package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// every is how often the bystander pushes.
const every = 50 * time.Millisecond

// bystander is somebody who works as usual while others arrive: a small changeset every 50 ms, and how long its verdict
// took.
type bystander struct {
	link *link
	member
	n    int64
	prev se.Hash
}

// wait is one changeset's.
type wait struct{ since, took time.Duration }

type result struct {
	waits []wait
	err   error
}

// settle takes the bystander's own snapshot, before anybody arrives.
func (k *county) settle(ctx context.Context, url string) (*bystander, error) {
	l, err := k.dial(ctx, url, k.bystander)
	if err != nil {
		return nil, err
	}
	b := &bystander{link: l, member: k.bystander}
	if err := l.step(k.bystander); err != nil {
		l.close()
		return nil, err
	}
	b.n, b.prev = l.welcome.LastN, l.welcome.Hash
	return b, nil
}

// push goes on until stop is closed.
func (b *bystander) push(ctx context.Context, stop <-chan struct{}) (r result) {
	defer b.link.close()
	began := b.link.now()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		since := b.link.now().Sub(began)
		if err := b.offer(); err != nil {
			r.err = err
			return r
		}
		r.waits = append(r.waits, wait{since, b.link.now().Sub(began) - since})
		select {
		case <-stop:
			return r
		case <-ctx.Done():
			r.err = ctx.Err()
			return r
		case <-tick.C:
		}
	}
}

// offer pushes one changeset and waits for its verdict.
func (b *bystander) offer() error {
	b.n++
	cs := &se.Changeset{Device: b.Device, N: b.n, Prev: b.prev, Author: b.Account, Schema: 1, Wall: b.link.now().UnixMilli()}
	cs.Changes = []se.Change{hazard(b.Grid, 0xfff, int(b.n))}
	b.prev = cs.Hash()
	if err := b.link.say(&session.Push{Changesets: []*se.Changeset{cs}}); err != nil {
		return err
	}
	for {
		x, err := b.link.hear()
		if err != nil {
			return err
		}
		switch x := x.(type) {
		case *session.Delta:
			if err := b.link.seen(x); err != nil {
				return err
			}
		case *session.Verdicts:
			if x.Verdicts[0].Kind != se.Accepted {
				return fmt.Errorf("verdict %v", x.Verdicts[0].Kind)
			}
			return nil
		}
	}
}

// print shows how long the bystander waited, and when it waited longest.
func (r result) print() (p99, longest time.Duration) {
	slices.SortFunc(r.waits, func(a, b wait) int { return int(a.took - b.took) })
	took := func(i int) time.Duration { return r.waits[i].took.Round(100 * time.Microsecond) }
	last := len(r.waits) - 1
	p99, longest = took(last*99/100), took(last)
	fmt.Printf("bystander %d verdicts, p50 %v, p99 %v, longest", last+1, took(last/2), p99)
	for i := last; i >= max(0, last-4); i-- {
		fmt.Printf(" %v (at %.1f s)", took(i), r.waits[i].since.Seconds())
	}
	fmt.Println()
	return p99, longest
}
