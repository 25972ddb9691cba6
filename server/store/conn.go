package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"github.com/mattn/go-sqlite3"
)

// The engine's transactions speak to the driver itself, inside sql.Conn.Raw: a merge makes some thirty short
// statements, and what database/sql does around each (locks, conversions, a Rows with its own goroutine safety) costs
// more than the statement. It also lets the state of the transaction be asked instead of assumed. The driver keeps
// prepared statements by their text (_stmt_cache_size), so statements are constants or made once.
//
// SQLite compiles such a statement anew at each use all the same if its plan might depend on what is bound: a bare
// parameter that is a LIMIT, or that a column equals in a query of several rows some index of which lacks that column.
// CAST($1 AS TEXT) is no bare parameter. The statements that every changeset runs, and those that
// every listener runs after a commit, are written so.

// conn is one connection of the driver, in the hands of one transaction.
type conn struct {
	c    *sqlite3.SQLiteConn
	args []driver.NamedValue // reused from statement to statement
	ran  func(query string)  // told of each statement; nil = nobody is
}

// background never ends: a context that can be cancelled interrupts SQLite at any point, COMMIT included
// (mattn/go-sqlite3#764), and costs a goroutine for each statement.
var background = context.Background()

func raw(dc any) (*conn, error) {
	c, ok := dc.(*sqlite3.SQLiteConn)
	if !ok {
		return nil, fmt.Errorf("bug: the driver's connection is a %T", dc)
	}
	return &conn{c: c}, nil
}

// bind makes the driver's arguments; args are nil, int64, float64, string or []byte.
func (c *conn) bind(args []any) []driver.NamedValue {
	c.args = c.args[:0]
	for i, a := range args {
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: a})
	}
	return c.args
}

func (c *conn) exec(query string, args ...any) error {
	c.tell(query)
	_, err := c.c.ExecContext(background, query, c.bind(args))
	return err
}

func (c *conn) tell(query string) {
	if c.ran != nil {
		c.ran(query)
	}
}

// row is one row of an answer: the driver's values in the order of the columns.
type row []driver.Value

func (r row) int(i int) int64  { n, _ := r[i].(int64); return n }
func (r row) bool(i int) bool  { return r.int(i) != 0 }
func (r row) str(i int) string { s, _ := r[i].(string); return s }
func (r row) blob(i int) []byte {
	b, _ := r[i].([]byte)
	return b
}

// query calls each for every row; the row is overwritten by the next one.
func (c *conn) query(each func(row) error, query string, args ...any) (err error) {
	c.tell(query)
	rows, err := c.c.QueryContext(background, query, c.bind(args))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	dest := make([]driver.Value, len(rows.Columns()))
	for {
		switch err := rows.Next(dest); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := each(dest); err != nil {
			return err
		}
	}
}

// one reads at most one row and tells whether there was one.
func (c *conn) one(each func(row) error, query string, args ...any) (found bool, err error) {
	err = c.query(func(r row) error { found = true; return each(r) }, query, args...)
	return found, err
}

// open tells whether the connection is inside a transaction, as SQLite sees it: after some errors (disk full, I/O)
// it has rolled back by itself.
func (c *conn) open() bool { return !c.c.AutoCommit() }

// rollback ends a transaction if there is one.
func (c *conn) rollback() error {
	if !c.open() {
		return nil
	}
	if err := c.exec("ROLLBACK"); err != nil && c.open() {
		return fmt.Errorf("roll back: %w", err)
	}
	return nil
}

// withRaw runs fn with a connection of the pool. A connection that fn leaves inside a transaction is thrown away.
func withRaw(db *sql.DB, fn func(*conn) error) error {
	sc, err := db.Conn(background)
	if err != nil {
		return fmt.Errorf("get a connection: %w", err)
	}
	defer sc.Close()
	var result error
	err = sc.Raw(func(dc any) error {
		c, err := raw(dc)
		if err != nil {
			return err
		}
		if err := c.rollback(); err != nil { // what somebody else left behind (mattn/go-sqlite3#764)
			return driver.ErrBadConn
		}
		result = fn(c)
		if err := c.rollback(); err != nil {
			return driver.ErrBadConn
		}
		return nil
	})
	return errors.Join(result, err)
}

// rawOf runs fn with the driver's connection of sc.
func rawOf(sc *sql.Conn, fn func(*conn) error) error {
	return sc.Raw(func(dc any) error {
		c, err := raw(dc)
		if err != nil {
			return err
		}
		return fn(c)
	})
}
