package store

import (
	"context"
	"slices"
	"sync"
)

// line lets one at a time at the writer, in order of coming: the engine's transactions before the others', which the
// directory and arrivals make, since people wait for their verdicts. Somebody who waits is passed a few times at most.
// database/sql by itself wakes any of those who wait, at random: among three hundred arrivals a commit waited for
// most of them.
type line struct {
	mu     sync.Mutex // guards what follows
	busy   bool
	engine []chan struct{} // closed when it is their turn
	others []chan struct{}
	passed int // engine's turns since somebody of the others has been waiting
}

// mostPassed is how many transactions of the engine may go before another one that came earlier.
const mostPassed = 3

// enter waits for its turn. An error is ctx's, and then the turn is not taken.
func (l *line) enter(ctx context.Context, engine bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	if !l.busy {
		l.busy = true
		l.mu.Unlock()
		return nil
	}
	w, queue := make(chan struct{}), l.queue(engine)
	*queue = append(*queue, w)
	l.mu.Unlock()
	select {
	case <-w:
		return nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	i := slices.Index(*queue, w)
	if i >= 0 {
		*queue = slices.Delete(*queue, i, i+1)
	}
	l.mu.Unlock()
	if i < 0 { // it was let in at the last moment
		l.leave()
	}
	return ctx.Err()
}

func (l *line) queue(engine bool) *[]chan struct{} {
	if engine {
		return &l.engine
	}
	return &l.others
}

// leave lets the next one in.
func (l *line) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	queue := &l.others
	if len(l.engine) > 0 && (len(l.others) == 0 || l.passed < mostPassed) {
		queue = &l.engine
		l.passed++
	}
	if queue == &l.others || len(l.others) == 0 {
		l.passed = 0
	}
	if len(*queue) == 0 {
		l.busy = false
		return
	}
	close((*queue)[0])
	*queue = slices.Delete(*queue, 0, 1)
}
