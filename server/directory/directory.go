// Package directory keeps who and where: org units, accounts, assignments, devices and enrolment codes of one county.
//
// These rows, and nothing that a token or a device says, decide what a person may do. Whoever calls has checked that
// the caller may; this package checks that what he asks makes sense. Every refusal is a *messages.Problem.
package directory

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/server/batch"
	"github.com/doorstep-sync/doorstep/server/messages"
)

// DB is the database that holds the directory tables; server/store is one.
type DB interface {
	// WithTx runs fn in a transaction of the single writer and makes it durable before it returns nil. When fn
	// returns an error nothing of it remains.
	WithTx(ctx context.Context, fn func(*sql.Tx) error) error
	// WithNotes is WithTx for notes of contacts: fn changes nothing that anybody's rights depend on.
	WithNotes(ctx context.Context, fn func(*sql.Tx) error) error
	// Reader gives the pool for reading; each query sees one committed state.
	Reader() *sql.DB
}

// Config is what a Directory needs.
type Config struct {
	DB     DB
	County int64
	Roles  map[string]*schema.Role
	Now    func() time.Time
	Random io.Reader // for ids; used under a lock
}

// Directory is safe for use by several goroutines.
type Directory struct {
	db      DB
	county  int64
	roles   map[string]*schema.Role
	now     func() time.Time
	heard   *batch.Group[contact]
	reached *batch.Group[reached]
	sent    *batch.Group[[]string]

	mu     sync.Mutex // over random
	random io.Reader
}

// New makes a Directory. All of Config must be set.
func New(c Config) *Directory {
	d := &Directory{db: c.DB, county: c.County, roles: c.Roles, now: c.Now, random: c.Random}
	d.heard = batch.New(maxHeard, d.noteHeard)
	d.reached = batch.New(maxHeard, d.noteReached)
	d.sent = batch.New(maxHeard, d.noteSent)
	return d
}

// Roles gives the roles that assignments may name. The map belongs to the schema and must not be changed.
func (d *Directory) Roles() map[string]*schema.Role { return d.roles }

func (d *Directory) millis() int64 { return d.now().UnixMilli() }

// newID makes a UUIDv7: 48 bits of milliseconds, then randomness.
func (d *Directory) newID() (string, error) {
	var b [16]byte
	d.mu.Lock()
	_, err := io.ReadFull(d.random, b[:])
	d.mu.Unlock()
	if err != nil {
		return "", fmt.Errorf("make id: %w", err)
	}
	ms := uint64(d.millis())
	for i := range 6 {
		b[i] = byte(ms >> (40 - 8*i))
	}
	b[6] = b[6]&0x0f | 0x70
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16]), nil
}

// querier is what *sql.DB and *sql.Tx have in common.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// collect reads all rows of a query with scan.
func collect[T any](ctx context.Context, q querier, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// cleanText trims and checks a text that people typed: 1 to most characters, valid UTF-8, no control characters.
func cleanText(field, s string, most int) (string, error) {
	s = strings.TrimSpace(s)
	if s == "" || !validText(s, most) {
		return "", messages.Refuse(messages.BadText, field, most)
	}
	return s, nil
}

func validText(s string, most int) bool {
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > most {
		return false
	}
	for _, r := range s {
		if unicode.IsControl(r) || r == utf8.RuneError || unicode.Is(unicode.Bidi_Control, r) {
			return false
		}
	}
	return true
}

// ValidUUID tells whether s is a UUID in its one form: 36 lower-case characters.
func ValidUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case c < '0' || c > 'f' || c > '9' && c < 'a':
			return false
		}
	}
	return true
}

// Setting reads a value of the county's settings; ok is false if there is none.
func (d *Directory) Setting(ctx context.Context, key string) (value string, ok bool, err error) {
	err = d.db.Reader().QueryRowContext(ctx, `SELECT value FROM settings WHERE county = $1 AND key = $2`, d.county, key).Scan(&value)
	if err == sql.ErrNoRows {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("read setting %s: %w", key, err)
	}
	return value, true, nil
}

// PutSetting writes a value of the county's settings.
func (d *Directory) PutSetting(ctx context.Context, key, value string) error {
	return d.db.WithTx(ctx, func(tx *sql.Tx) error { return d.putSetting(ctx, tx, key, value) })
}

func (d *Directory) putSetting(ctx context.Context, q querier, key, value string) error {
	_, err := q.ExecContext(ctx, `INSERT INTO settings (county, key, value) VALUES ($1, $2, $3)
		ON CONFLICT (county, key) DO UPDATE SET value = excluded.value`, d.county, key, value)
	if err != nil {
		return fmt.Errorf("write setting %s: %w", key, err)
	}
	return nil
}
