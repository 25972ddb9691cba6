// Package feed is the doorbell between the centre's commits and its connections. It says "this county moved" and
// nothing else: what moved is read from the store, so a ring that was missed, or two that came as one, lose nothing.
package feed

import "sync"

// Feed keeps the bells of all counties of one process. It is safe for use by any number of goroutines.
type Feed struct {
	mu       sync.Mutex
	counties map[int64]map[*listener]struct{} // under mu
}

type listener struct{ ring func() }

// New makes a Feed that nobody listens to yet.
func New() *Feed { return &Feed{counties: map[int64]map[*listener]struct{}{}} }

// Subscribe has ring called whenever the county has moved, by who rings: it must not block, nor ask anything of the Feed.
// cancel ends the subscription, after which ring is not called any more; it may be called any number of times.
func (f *Feed) Subscribe(county int64, ring func()) (cancel func()) {
	l := &listener{ring}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.counties[county] == nil {
		f.counties[county] = map[*listener]struct{}{}
	}
	f.counties[county][l] = struct{}{}
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.counties[county], l)
		if len(f.counties[county]) == 0 {
			delete(f.counties, county)
		}
	}
}

// Ring tells every subscriber of the county.
func (f *Feed) Ring(county int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for l := range f.counties[county] {
		l.ring()
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
func (c County) Subscribe(ring func()) (cancel func()) { return c.feed.Subscribe(c.id, ring) }
