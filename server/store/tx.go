package store

import (
	"errors"
	"fmt"

	"github.com/doorstep-sync/doorstep/syncengine"
)

// tx writes. Rows and dead ids that it has met are kept, so that changesets that touch the same rows read them once;
// what is kept is undone with the savepoint that changed it.
//
// What a group of changesets does to SQLite is a few statements for each, and what they cost is most of what the centre
// does. So a row is written once, when all are judged or somebody lists rows (unwritten.go), and a savepoint of SQLite is
// begun by the first statement that writes in it: most changesets have none.
type tx struct {
	*readTx
	rows      map[rowKey]*syncengine.Row   // nil: known not to be there
	unwritten map[rowKey]bool              // of rows: those that their tables do not have yet
	dead      map[rowKey]*syncengine.Dead  // nil: known not to be dead
	devices   map[string]syncengine.Device // as read or put; what was put is written once, with the commit
	put       []string                     // devices that were put, each once
	history   int64                        // seq of the last entry, -1 while unknown
	changed   bool                         // head differs from the table's
	scopeRows map[string]int64             // rows more than scope_rows says
	scopeHad  map[string]int64             // what scope_rows says, as far as it was asked
	waiting   waiting                      // what is known of quarantine
	about     map[string]aspects           // of devices, that were written and that known keeps
	depth     int                          // savepoints that have begun
	begun     int                          // those of them that SQLite knows of: the outer ones
	undo      []func()
}

type rowKey struct {
	table string
	id    syncengine.RowID
}

func newTx(s *Store, c *conn) *tx {
	return &tx{
		readTx: newReadTx(s, c), rows: map[rowKey]*syncengine.Row{}, dead: map[rowKey]*syncengine.Dead{}, history: -1,
		about: map[string]aspects{}, devices: map[string]syncengine.Device{}, unwritten: map[rowKey]bool{}, scopeHad: map[string]int64{},
	}
}

// commit writes the head and makes everything durable.
func (t *tx) commit() error {
	if t.lost != nil {
		return t.lost
	}
	if !t.c.open() { // whoever ended it: the head must not be written alone
		return ErrLost
	}
	if t.changed {
		h := &t.head
		if err := t.exec(`UPDATE county SET epoch = $1, seq = $2, history = $3, hlc = $4, floor = $5 WHERE id = $6`,
			h.Epoch, h.Seq, h.History[:], int64(h.HLC), h.Floor, t.s.county); err != nil {
			return fmt.Errorf("write head: %w", err)
		}
	}
	if err := t.writeScopeRows(); err != nil {
		return err
	}
	if err := t.writeDevices(); err != nil {
		return err
	}
	if err := t.c.exec("COMMIT"); err != nil {
		return fmt.Errorf("commit: %w", errors.Join(err, t.c.rollback()))
	}
	if t.c.open() {
		return errors.New("commit: the transaction is still open")
	}
	return nil
}

// Names of savepoints by depth: constants, since a name is all that SQLite needs to find one.
var savepoints = [...]string{"s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8"}

// Savepoint implements syncengine.Tx. SQLite hears of it with the first statement in it that writes.
func (t *tx) Savepoint(fn func() error) (err error) {
	if t.depth == len(savepoints) {
		return fmt.Errorf("bug: more than %d savepoints inside each other", len(savepoints))
	}
	if t.lost != nil {
		return t.lost
	}
	level, mark, done := t.depth, len(t.undo), false
	t.depth++
	defer func() {
		t.depth--
		if !done {
			err = errors.Join(err, t.rollbackTo(level, mark))
		}
	}()
	if err := fn(); err != nil {
		return err
	}
	if t.lost != nil {
		return t.lost
	}
	if t.begun > level {
		// The driver keeps prepared only what is given some argument, and ignores one too many.
		if err := t.readTx.exec("RELEASE "+savepoints[level], nil); err != nil {
			return fmt.Errorf("release savepoint: %w", err)
		}
		t.begun = level
	}
	done = true
	return nil
}

// exec writes: SQLite is told of the savepoints that have begun since it last was.
func (t *tx) exec(query string, args ...any) error {
	for t.begun < t.depth {
		if err := t.readTx.exec("SAVEPOINT "+savepoints[t.begun], nil); err != nil {
			return fmt.Errorf("savepoint: %w", err)
		}
		t.begun++
	}
	return t.readTx.exec(query, args...)
}

func (t *tx) rollbackTo(level, mark int) error {
	for i := len(t.undo) - 1; i >= mark; i-- {
		t.undo[i]()
	}
	t.undo = t.undo[:mark]
	if t.lost != nil {
		return t.lost
	}
	if t.begun <= level {
		return nil
	}
	t.begun = level
	name := savepoints[level]
	if err := t.readTx.exec("ROLLBACK TO " + name + "; RELEASE " + name); err != nil {
		// Half of a changeset would stay: nothing of this transaction may.
		t.lost = fmt.Errorf("%w: roll back to savepoint: %w", ErrLost, err)
		return errors.Join(t.lost, t.c.rollback())
	}
	return nil
}

// keep puts an entry of a cache, undone with the savepoint.
func keep[V any](t *tx, m map[rowKey]V, k rowKey, v V) {
	old, had := m[k]
	m[k] = v
	if t.depth == 0 {
		return // nothing short of the whole transaction undoes it
	}
	t.undo = append(t.undo, func() {
		if had {
			m[k] = old
		} else {
			delete(m, k)
		}
	})
}

// PutHead implements syncengine.Tx. The head is written once, last in the transaction.
func (t *tx) PutHead(h syncengine.Head) error {
	old, was := t.head, t.changed
	t.head, t.changed = h, true
	t.undo = append(t.undo, func() { t.head, t.changed = old, was })
	return nil
}
