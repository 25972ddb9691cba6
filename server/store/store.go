// Package store keeps one county in a SQLite file, durable before it answers: syncengine.Store for the engine, and
// the same file for the directory of people and devices.
//
// Records lie in typed tables (rec_…, made by schema/ddl), one row each, whose columns show what the cells show: for
// people, SQL and BI tools. The versions of the cells are packed into the column versions of the same row, so that a
// merge writes one row with one statement.
package store

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/mattn/go-sqlite3"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/hlc"
)

// ErrLost says that SQLite ended the transaction by itself (disk full, I/O error): nothing of it remains.
var ErrLost = fmt.Errorf("store: the database rolled the transaction back: %w", syncengine.ErrUnavailable)

// Store is safe for use by several goroutines: one writer at a time, readers beside it.
type Store struct {
	county int64
	schema *schema.Schema
	tables map[string]*table
	writer *sql.DB // one connection, which makes writers wait for each other
	reader *sql.DB
	line   line          // before the writer
	known  *known        // of devices, for readers
	newest *newest       // of the feeds of scopes
	views  chan struct{} // capacity: views that run at once. Channels serve in order of coming, pools do not

	ran      func(query string)  // told of each statement of Update, by tests; else nil
	verified *sqlite3.SQLiteConn // the writer's connection that verify has seen; used only by who holds it
	migrated bool                // the schema is the newest: what a connection may sort is small
}

var _ syncengine.Store = (*Store)(nil)

// Close waits for what is under way and closes the file.
func (s *Store) Close() error {
	var err error
	if s.reader != nil {
		err = s.reader.Close()
	}
	if s.writer != nil { // last: closing the last connection folds the WAL into the file
		err = errors.Join(err, s.writer.Close())
	}
	return err
}

// Update implements syncengine.Store.
func (s *Store) Update(fn func(syncengine.Tx) error) error {
	if err := s.line.enter(background, true); err != nil {
		return unavailable(err)
	}
	defer s.line.leave()
	return withRaw(s.writer, func(c *conn) error {
		if err := s.verify(c); err != nil {
			return unavailable(err)
		}
		c.ran = s.ran
		if err := c.exec("BEGIN IMMEDIATE"); err != nil {
			return unavailable(fmt.Errorf("begin: %w", err))
		}
		t := newTx(s, c)
		if err := t.readHead(); err != nil {
			return unavailable(err)
		}
		if err := fn(t); err != nil {
			return err // withRaw rolls back what is open
		}
		if err := t.writeRows(); err != nil {
			return err // as if fn had met it: a part of what it did may be writable
		}
		defer s.known.changing(t.about, false)()
		return unavailable(t.commit())
	})
}

// unavailable marks an error that is the database's, not that of what was to be written.
func unavailable(err error) error {
	if err == nil || errors.Is(err, syncengine.ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", syncengine.ErrUnavailable, err)
}

// View implements syncengine.Store.
func (s *Store) View(fn func(syncengine.ReadTx) error) error {
	s.views <- struct{}{}
	defer func() { <-s.views }()
	return withRaw(s.reader, func(c *conn) error {
		began := s.known.began()
		if err := c.exec("BEGIN"); err != nil {
			return fmt.Errorf("begin: %w", err)
		}
		t := newReadTx(s, c)
		t.known, t.began = s.known, began
		if err := t.readHead(); err != nil { // the first read takes the snapshot
			return err
		}
		return fn(t)
	})
}

// readTx reads in a transaction of c. It belongs to the goroutine that runs fn.
type readTx struct {
	s          *Store
	c          *conn
	lost       error // set once the transaction is no longer there
	head       syncengine.Head
	principals map[string]*syncengine.Principal
	restores   []syncengine.Restore // nil = not read yet
	told       map[string]*toldText
	known      *known // nil = all is read here: who writes sees what he wrote
	began      int64  // by known
}

func newReadTx(s *Store, c *conn) *readTx {
	return &readTx{s: s, c: c, principals: map[string]*syncengine.Principal{}, told: map[string]*toldText{}}
}

// check notices when a statement's error has ended the whole transaction: what came after would otherwise be run, and
// kept, on its own.
func (t *readTx) check(err error) error {
	if err != nil && t.lost == nil && !t.c.open() {
		t.lost = fmt.Errorf("%w: %w", ErrLost, err)
		return t.lost
	}
	return err
}

func (t *readTx) exec(query string, args ...any) error {
	if t.lost != nil {
		return t.lost
	}
	return t.check(t.c.exec(query, args...))
}

func (t *readTx) query(each func(row) error, query string, args ...any) error {
	if t.lost != nil {
		return t.lost
	}
	return t.check(t.c.query(each, query, args...))
}

func (t *readTx) one(each func(row) error, query string, args ...any) (found bool, err error) {
	err = t.query(func(r row) error { found = true; return each(r) }, query, args...)
	return found, err
}

func (t *readTx) readHead() error {
	found, err := t.one(func(r row) error {
		t.head = syncengine.Head{Epoch: r.int(0), Seq: r.int(1), History: toHash(r.blob(2)), HLC: hlc.Timestamp(r.int(3)), Floor: r.int(4)}
		return nil
	}, `SELECT epoch, seq, history, hlc, floor FROM county WHERE id = $1`, t.s.county)
	if err == nil && !found {
		err = fmt.Errorf("the county %d has no head row", t.s.county)
	}
	return err
}

func (t *readTx) table(name string) (*table, error) {
	if tb := t.s.tables[name]; tb != nil {
		return tb, nil
	}
	return nil, fmt.Errorf("the schema has no record type %q", name)
}

func toHash(b []byte) (h syncengine.Hash) {
	copy(h[:], b)
	return h
}

func toInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
