package store

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
)

// Origin is what a county's database began with: the first entries of its two logs. Both are chained and kept for ever,
// so every copy of it, and every state that it was restored to, begins with the same.
type Origin struct {
	At      int64  // of the first line of the audit log, else of the first entry of history, ms; 0 for an empty one
	Audit   []byte // hash of the first line; nil if there is none
	History []byte // hash of the first entry; nil if there is none
}

// Foreign tells whether two databases are of different centres. A log that is empty in one of them tells nothing, and
// one that both began alike is enough: a copy may be older than the other's first entry.
func (o Origin) Foreign(x Origin) bool {
	audits, histories := o.Audit != nil && x.Audit != nil, o.History != nil && x.History != nil
	same := audits && bytes.Equal(o.Audit, x.Audit) || histories && bytes.Equal(o.History, x.History)
	return (audits || histories) && !same
}

// ReadOrigin reads it of a county in a database file. It needs no schema and changes nothing.
func ReadOrigin(path string, county int64) (o Origin, err error) {
	db, err := sql.Open("sqlite3", dsn(path, "mode=rw&_query_only=1&_busy_timeout=2000"))
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := first(db, &o.History, &o.At, `SELECT hash, received FROM history WHERE county = $1 ORDER BY seq LIMIT 1`, county); err != nil {
		return o, err
	}
	var kept bool // an audit log, which early versions did not
	if err := db.QueryRow(`SELECT count(*) > 0 FROM sqlite_master WHERE name = 'audit'`).Scan(&kept); err != nil || !kept {
		return o, err
	}
	return o, first(db, &o.Audit, &o.At, `SELECT hash, at FROM audit WHERE county = $1 ORDER BY i LIMIT 1`, county)
}

func first(db *sql.DB, hash *[]byte, at *int64, query string, county int64) error {
	err := db.QueryRow(query, county).Scan(hash, at)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("read how the database began: %w", err)
	}
	return nil
}
