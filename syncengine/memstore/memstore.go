// Package memstore keeps a county in memory, for tests and the simulation. It has no clock, no randomness and no
// order of maps in any answer: the same calls give the same answers.
package memstore

import (
	"fmt"
	"sync"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// Store implements syncengine.Store. It may be used from several goroutines; writers run one at a time and wait
// for readers. Neither Update nor View may be called from inside the other's fn: that waits for ever.
//
// Its state is always that of the last successful Update, so a test "crashes" a centre by dropping everything but
// the Store.
type Store struct {
	// FailCommit, if set, is called as the last thing before a commit; its error discards the transaction and is
	// what Update returns. Set it while no Update runs.
	FailCommit func() error
	// RunTwice makes every Update run fn, discard what it did, and run it again, to find an fn that may not be run
	// again (a store may have to: a serialisation failure, a group that is halved).
	RunTwice bool

	mu    sync.RWMutex // guards state
	state *state

	people     sync.RWMutex // guards principals, apart from mu: grants change at any time
	principals map[string]*syncengine.Principal
}

var _ syncengine.Store = (*Store)(nil)

// New gives an empty county at epoch 1, seq 0.
func New(s *schema.Schema) *Store {
	return &Store{state: newState(s), principals: map[string]*syncengine.Principal{}}
}

// SetPrincipal says who a device acts for from now on; nil makes the device unknown. Transactions that are under
// way see it at once: an engine has to read a Principal once per transaction.
func (s *Store) SetPrincipal(device string, p *syncengine.Principal) {
	s.people.Lock()
	defer s.people.Unlock()
	if p == nil {
		delete(s.principals, device)
		return
	}
	s.principals[device] = copyPrincipal(p)
}

func (s *Store) principal(device string) *syncengine.Principal {
	s.people.RLock()
	defer s.people.RUnlock()
	return copyPrincipal(s.principals[device])
}

// Update implements syncengine.Store.
func (s *Store) Update(fn func(syncengine.Tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.RunTwice {
		if err := s.run(fn, false); err != nil {
			return err
		}
	}
	return s.run(fn, true)
}

func (s *Store) run(fn func(syncengine.Tx) error, commit bool) error {
	t := &tx{readTx: readTx{store: s, state: s.state}}
	committed := false
	defer func() {
		if !committed { // also when fn panics
			t.rollback(0)
		}
	}()
	if err := fn(t); err != nil {
		return err
	}
	if commit && s.FailCommit != nil {
		if err := s.FailCommit(); err != nil {
			return fmt.Errorf("%w: %w", syncengine.ErrUnavailable, err)
		}
	}
	committed = commit
	return nil
}

// View implements syncengine.Store.
func (s *Store) View(fn func(syncengine.ReadTx) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return fn(&readTx{store: s, state: s.state})
}

// tx writes to the state in place and keeps, for each step, how to undo it.
type tx struct {
	readTx
	undo []func()
}

func (t *tx) rollback(mark int) {
	for i := len(t.undo) - 1; i >= mark; i-- {
		t.undo[i]()
	}
	t.undo = t.undo[:mark]
}

// Savepoint implements syncengine.Tx.
func (t *tx) Savepoint(fn func() error) error {
	mark, done := len(t.undo), false
	defer func() {
		if !done {
			t.rollback(mark)
		}
	}()
	if err := fn(); err != nil {
		return err
	}
	done = true
	return nil
}

// put sets an entry of a map, undone with the transaction. The value is never changed afterwards, only replaced.
func put[K comparable, V any](t *tx, m map[K]V, k K, v V) {
	old, had := m[k]
	m[k] = v
	t.undo = append(t.undo, func() {
		if had {
			m[k] = old
		} else {
			delete(m, k)
		}
	})
}

// drop removes an entry of a map, undone with the transaction.
func drop[K comparable, V any](t *tx, m map[K]V, k K) {
	old, had := m[k]
	if !had {
		return
	}
	delete(m, k)
	t.undo = append(t.undo, func() { m[k] = old })
}
