// Package batch makes one write of many: while one is under way, whoever comes waits for the next, which is for all of
// them. Three hundred devices that arrive at once then cost some transactions instead of hundreds, and a commit waits
// for one of them at most.
package batch

import (
	"errors"
	"sync"
)

// Group is safe for use by any number of goroutines.
type Group[T any] struct {
	do   func([]T) error
	most int
	turn chan struct{} // capacity 1: held by the round under way

	mu   sync.Mutex
	next *round[T] // gathers; nil = nobody waits. Guarded by mu, and its items too
}

type round[T any] struct {
	items []T
	over  chan struct{} // closed when err holds
	err   error
}

// New makes a Group of rounds of at most so many items. An error of do is that of every item of its round; what concerns
// one alone has its place in the item.
func New[T any](most int, do func([]T) error) *Group[T] {
	return &Group[T]{do: do, most: most, turn: make(chan struct{}, 1)}
}

// Do returns when the round that the item is in is over. Rounds go in order of coming.
func (g *Group[T]) Do(item T) error {
	r, first := g.join(item)
	if first {
		g.lead(r)
	}
	<-r.over
	return r.err
}

// join puts an item into the round that gathers; whoever is the first one there leads it.
func (g *Group[T]) join(item T) (r *round[T], first bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r = g.next; r == nil {
		r, first = &round[T]{over: make(chan struct{})}, true
		g.next = r
	}
	if r.items = append(r.items, item); len(r.items) == g.most {
		g.next = nil
	}
	return r, first
}

// lead waits for the round before, lets nobody join any more and does what was gathered.
func (g *Group[T]) lead(r *round[T]) {
	g.turn <- struct{}{}
	defer func() { close(r.over); <-g.turn }()
	g.mu.Lock()
	if g.next == r {
		g.next = nil
	}
	items := r.items
	g.mu.Unlock()
	r.err = errPanicked
	r.err = g.do(items)
}

var errPanicked = errors.New("bug: the one who wrote for all panicked")
