package store

import (
	"slices"
	"sync"

	"github.com/doorstep-sync/doorstep/syncengine"
)

// A scope's stream is read from several feeds: what moved away, what died, and the rows of each record type. Nearly
// always one of them has something new, and asking the others is what costs.
const (
	feedMoves = iota
	feedDead
	feedRows // of the first record type; the others follow
)

// newest keeps, for each feed of a scope, a seq that nothing in it is beyond: readers whose place is beyond that too need
// not ask the database. It may be too high, by what was rolled back or has left since, and never too low:
//   - who writes raises it before he commits, to the county's seq at least, which nothing is beyond that was there before;
//   - who has read a feed to its end can only raise it: what he saw may be older than what was written meanwhile;
//   - who writes teaches nothing by what he reads: what he took out of a feed is there again if he is undone.
//
// Nothing is forgotten, or a reader of an old state would be believed: 8 bytes for each feed of each scope.
type newest struct {
	mu    sync.Mutex // guards what follows
	feeds int
	of    map[string][]int64 // by scope, then feed
}

const unknown = -1 // seqs are not negative

func newNewest(tables int) *newest {
	return &newest{feeds: feedRows + tables, of: map[string][]int64{}}
}

// raise notes that something is in a feed up to this seq, and nothing beyond, or beyond what was noted before.
func (n *newest) raise(scope string, feed int, seq int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.of[scope] == nil {
		n.of[scope] = slices.Repeat([]int64{unknown}, n.feeds)
	}
	n.of[scope][feed] = max(n.of[scope][feed], seq)
}

// may tells whether anything may be in a feed from a seq on.
func (n *newest) may(scope string, feed int, from int64) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	known := n.of[scope]
	return known == nil || known[feed] == unknown || known[feed] >= from
}

// feed reads what is in a feed of a scope after a place, from a seq on, unless it is known that nothing is.
func (t *readTx) feed(scope string, feed int, after syncengine.Position, from int64, limit int, item func(row) syncengine.Item, query string, args ...any) (out []syncengine.Item, err error) {
	if !t.s.newest.may(scope, feed, from) {
		return nil, nil
	}
	err = t.query(func(r row) error { out = append(out, item(r)); return nil }, query, args...)
	if t.known != nil && err == nil && len(out) < limit { // a view
		end := min(after.Seq, t.head.Seq) // a reader may say of itself that it is anywhere, and nothing is beyond the head
		if len(out) > 0 {
			end = max(end, out[len(out)-1].Seq)
		}
		t.s.newest.raise(scope, feed, end)
	}
	return out, err
}

// writes notes, before the commit, that something is written to a feed. Nothing that was there is beyond the head.
func (t *tx) writes(scope string, feed int, seq int64) {
	t.s.newest.raise(scope, feed, max(seq, t.head.Seq))
}
