package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/doorstep-sync/doorstep/scripts/prove/crowd"
)

// every is how often the bystander pushes.
const every = 50 * time.Millisecond

// bystander is somebody who works as usual while others arrive: a small changeset every 50 ms, and how long its verdict
// took.
type bystander struct {
	*crowd.Writer
	now func() time.Time
}

// wait is one changeset's.
type wait struct{ since, took time.Duration }

type result struct {
	waits []wait
	err   error
}

// settle takes the bystander's own snapshot, before anybody arrives.
func (k *county) settle(ctx context.Context, url string) (*bystander, error) {
	w, err := k.Writer(ctx, url, k.bystander, 0xfff)
	return &bystander{w, k.Now}, err
}

// push goes on until stop is closed.
func (b *bystander) push(ctx context.Context, stop <-chan struct{}) (r result) {
	defer b.Close()
	began := b.now()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		since := b.now().Sub(began)
		if err := b.Offer(); err != nil {
			r.err = err
			return r
		}
		r.waits = append(r.waits, wait{since, b.now().Sub(began) - since})
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
