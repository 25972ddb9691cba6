// Package feed is the doorbell between the centre's commits and its connections. It says "this county moved" and
// nothing else: what moved is read from the store, so a ring that was missed, or two that came as one, lose nothing.
package feed

import "sync"

// Feed keeps the bells of all counties of one process. It is safe for use by any number of goroutines.
type Feed struct {
	mu       sync.Mutex
	counties map[int64]map[chan struct{}]struct{} // under mu
}

// New makes a Feed that nobody listens to yet.
func New() *Feed { return &Feed{counties: map[int64]map[chan struct{}]struct{}{}} }

// Subscribe gives a channel that holds a ring whenever the county has moved since the last receive, and cancel, which
// ends the subscription and may be called any number of times. The channel is never closed.
func (f *Feed) Subscribe(county int64) (bell <-chan struct{}, cancel func()) {
	c := make(chan struct{}, 1)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.counties[county] == nil {
		f.counties[county] = map[chan struct{}]struct{}{}
	}
	f.counties[county][c] = struct{}{}
	return c, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.counties[county], c)
		if len(f.counties[county]) == 0 {
			delete(f.counties, county)
		}
	}
}

// Ring tells every subscriber of the county. It never blocks: whoever has not heard the last ring hears one.
func (f *Feed) Ring(county int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.counties[county] {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// County is the bell of one county, for those who know only that one.
type County struct {
	feed *Feed
	id   int64
}

// County gives the bell of a county.
func (f *Feed) County(id int64) County { return County{f, id} }

// Ring is Feed.Ring for this county.
func (c County) Ring() { c.feed.Ring(c.id) }

// Subscribe is Feed.Subscribe for this county.
func (c County) Subscribe() (bell <-chan struct{}, cancel func()) { return c.feed.Subscribe(c.id) }
