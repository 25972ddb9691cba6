package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/pressly/goose/v3"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/ddl"
)

//go:embed migrations/*.sql
var migrations embed.FS

// ErrNotDurable says that the database would not keep what it acknowledges: journal or synchronous are not as they
// must be. The store does not open.
var ErrNotDurable = errors.New("store: the database is not set up to survive a power cut")

// ErrNewer says that the file was written by a later release.
var ErrNewer = errors.New("store: the database was written by a later release of doorstepd: start that one, or restore a backup")

// Option changes how a store is opened.
type Option func(*options)

type options struct {
	county  int64
	readers int
	params  string // of the writer's DSN; tests change them
}

// WithCounty opens the store for a county other than 1.
func WithCounty(id int64) Option { return func(o *options) { o.county = id } }

// plainReaders are connections beyond the views', so that these do not wait for queries of Reader's users.
const plainReaders = 2

// WithReaders bounds how many views may run at once (default 8).
func WithReaders(n int) Option { return func(o *options) { o.readers = n } }

// writerParams: the driver sets synchronous before any hook and takes NORMAL by itself, so FULL is said here; a
// deferred transaction that reads before it writes fails at once where an immediate one waits.
const (
	writerParams = "_journal=WAL&_sync=FULL&_txlock=immediate&_busy_timeout=5000&_cache_size=-65536&_stmt_cache_size=256"
	readerParams = "_query_only=1&_txlock=deferred&_busy_timeout=5000&_cache_size=-8192&_stmt_cache_size=128"
)

// Open opens or makes the SQLite file at path, brings its tables to this release and to the schema, and gives the
// county's store. It fails closed: with ErrNotDurable when the file cannot be made to survive a power cut, with
// *StrandsError when the schema would strand devices or rows of the one before; then nothing has changed.
func Open(path string, s *schema.Schema, opts ...Option) (*Store, error) {
	o := options{county: 1, readers: 8, params: writerParams}
	for _, opt := range opts {
		opt(&o)
	}
	st := &Store{county: o.county, schema: s, tables: map[string]*table{}, known: newKnown()}
	if err := st.open(path, o); err != nil {
		return nil, errors.Join(fmt.Errorf("open store %s: %w", path, err), st.Close())
	}
	return st, nil
}

func (s *Store) open(path string, o options) (err error) {
	// Made here so that only this user may read it; SQLite gives the WAL the same mode.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if s.writer, err = sql.Open("sqlite3", dsn(path, o.params)); err != nil {
		return err
	}
	s.writer.SetMaxOpenConns(1)
	s.writer.SetMaxIdleConns(1)
	if s.reader, err = sql.Open("sqlite3", dsn(path, readerParams)); err != nil {
		return err
	}
	s.views = make(chan struct{}, o.readers)
	s.reader.SetMaxOpenConns(o.readers + plainReaders)
	s.reader.SetMaxIdleConns(o.readers)
	if err := withRaw(s.writer, s.verify); err != nil {
		return err
	}
	if s.schema, err = carry(s.reader, s.county, s.schema); err != nil { // before anything changes
		return err
	}
	if err := s.migrate(); err != nil {
		return err
	}
	s.migrated, s.verified = true, nil // from here on nothing sorts a whole table
	if err := s.WithTx(background, s.prepare); err != nil {
		return err
	}
	return s.completeQuarantine()
}

// inMemory keeps what the writer may have to take back (a savepoint's pages) in memory, where it is in the cache anyway:
// by itself SQLite puts more than 15 pages of it into a file in the system's folder for temporary ones, for each group
// anew, and what is in there is people's data.
func inMemory(c *conn) error { return c.exec("PRAGMA temp_store = MEMORY") }

// dsn makes a URI of the path; SQLite would read ?, # and % in it.
func dsn(path, params string) string {
	return "file:" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path) + "?" + params
}

// verify asks the connection what it will really do on COMMIT, and sets what a new one does not have by its name. It is
// asked once for each connection, outside of transactions.
func (s *Store) verify(c *conn) error {
	if s.verified == c.c {
		return nil
	}
	var journal string
	var synchronous int64
	_, err1 := c.one(func(r row) error { journal = r.str(0); return nil }, "PRAGMA journal_mode")
	_, err2 := c.one(func(r row) error { synchronous = r.int(0); return nil }, "PRAGMA synchronous")
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	if journal != "wal" || synchronous != 2 {
		return fmt.Errorf("%w: journal_mode is %q, synchronous is %d instead of 2 (FULL)", ErrNotDurable, journal, synchronous)
	}
	if s.migrated {
		if err := inMemory(c); err != nil {
			return err
		}
	}
	s.verified = c.c
	return nil
}

func (s *Store) migrate() error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, s.writer, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	at, err := p.GetDBVersion(background)
	if err != nil {
		return err
	}
	if sources := p.ListSources(); at > sources[len(sources)-1].Version {
		return ErrNewer
	}
	_, err = p.Up(background)
	return err
}

// prepare brings the typed tables to the schema, and makes the county's row.
func (s *Store) prepare(tx *sql.Tx) error {
	have := map[string][]string{}
	for _, t := range s.schema.Tables {
		name := ddl.CentreTable(t)
		cols, err := texts(tx, "SELECT name FROM pragma_table_info($1)", name)
		if err != nil {
			return err
		}
		if len(cols) > 0 {
			have[name] = cols
		}
	}
	statements := ddl.CentreUpgrade(s.schema, have)
	for _, t := range s.schema.Tables {
		if index := idempotencyIndex(t); index != "" {
			statements = append(statements, index)
		}
	}
	for _, q := range statements {
		if _, err := tx.Exec(q); err != nil {
			return fmt.Errorf("%w in %q", err, q)
		}
	}
	for i, t := range s.schema.Tables {
		tb := newTable(t)
		tb.feed = feedRows + i
		if err := s.loadLayouts(tx, tb); err != nil {
			return err
		}
		s.tables[t.Name] = tb
	}
	s.newest = newNewest(len(s.schema.Tables))
	if err := errors.Join(s.countRows(tx), s.keepDeclarations(tx)); err != nil {
		return err
	}
	_, err := tx.Exec(`INSERT INTO county (id, epoch, seq, history, hlc) VALUES ($1, 1, 0, $2, 0) ON CONFLICT (id) DO NOTHING`,
		s.county, make([]byte, 32))
	if err != nil {
		return err
	}
	return s.fillHistoryRows(tx)
}

// loadLayouts reads every order of cells that rows of the record type are packed in, and adds today's if it is new.
func (s *Store) loadLayouts(tx *sql.Tx, tb *table) error {
	rows, err := tx.Query(`SELECT id, cells FROM cell_layout WHERE county = $1 AND tbl = $2`, s.county, tb.def.Name)
	if err != nil {
		return err
	}
	defer rows.Close()
	now := layoutText(tb.def)
	for rows.Next() {
		var id int64
		var text string
		if err := rows.Scan(&id, &text); err != nil {
			return err
		}
		l, err := parseLayout(id, text, tb.def)
		if err != nil {
			return err
		}
		tb.layouts[id] = l
		if text == now {
			tb.layout = id
		}
	}
	if err := rows.Err(); err != nil || tb.layout != 0 {
		return err
	}
	if err := tx.QueryRow(`INSERT INTO cell_layout (county, id, tbl, cells)
		SELECT $1, coalesce(max(id), 0) + 1, $2, $3 FROM cell_layout WHERE county = $4 RETURNING id`,
		s.county, tb.def.Name, now, s.county).Scan(&tb.layout); err != nil {
		return err
	}
	tb.layouts[tb.layout], err = parseLayout(tb.layout, now, tb.def)
	return err
}

func texts(tx *sql.Tx, query string, args ...any) (out []string, err error) {
	rows, err := tx.Query(query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// WithTx runs fn in a transaction of the one writer, apart from the engine's, and makes it durable before it returns
// nil; fn's error undoes it. It waits for Update and the other way round: never call one inside the other. ctx only
// says whether to start: a transaction that has begun is not interrupted.
func (s *Store) WithTx(ctx context.Context, fn func(*sql.Tx) error) error {
	return s.withTx(ctx, fn, func() func() { return s.known.changing(nil, true) })
}

// WithNotes is WithTx for notes of contacts, which change nothing that is known of a device: who it is, what it was told,
// where it stands. Every contact of every phone makes some, and readers go on with what they know.
func (s *Store) WithNotes(ctx context.Context, fn func(*sql.Tx) error) error {
	return s.withTx(ctx, fn, func() func() { return func() {} })
}

func (s *Store) withTx(ctx context.Context, fn func(*sql.Tx) error, changing func() (done func())) (err error) {
	if err := s.line.enter(ctx, false); err != nil {
		return fmt.Errorf("wait for the writer: %w", err)
	}
	defer s.line.leave()
	sc, err := s.writer.Conn(ctx)
	if err != nil {
		return fmt.Errorf("get the writer: %w", err)
	}
	defer sc.Close()
	if err := rawOf(sc, func(c *conn) error { return errors.Join(c.rollback(), s.verify(c)) }); err != nil {
		return err
	}
	tx, err := sc.BeginTx(background, nil)
	if err != nil {
		return err
	}
	done := false
	defer func() {
		if !done {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	if err := fn(tx); err != nil {
		return err
	}
	defer changing()()
	done = true
	return tx.Commit()
}

// Reader gives the pool of connections for reading. They cannot write.
func (s *Store) Reader() *sql.DB { return s.reader }
