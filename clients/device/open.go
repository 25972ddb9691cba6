package device

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"

	_ "github.com/mattn/go-sqlite3"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/ddl"
	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// readers is how many reads may run at a time.
const readers = 4

// Create makes a new replica in a file that does not exist yet. On return the file is durable. It belongs to nobody
// before Enrol (or Identify) has said which device it is.
func Create(path string, opts Options) (*Replica, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := checkCipher(opts.Cipher); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil, say(CodeExists, err)
	}
	if err != nil {
		return nil, fmt.Errorf("create replica: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("create replica: %w", err)
	}
	r, err := attach(path, opts, true)
	if err != nil {
		for _, end := range []string{"", "-wal", "-shm"} {
			_ = os.Remove(path + end)
		}
		return nil, err
	}
	return r, nil
}

// Open opens a replica, and brings it to the declarations of opts if they are newer than the file's. The error is an
// *Error with CodeMissingFile, CodeNotReplica, CodeNewer or CodeCounty where a person can do something about it.
func Open(path string, opts Options) (*Replica, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := checkCipher(opts.Cipher); err != nil {
		return nil, err
	}
	if err := resumeRekey(path); err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil {
		switch {
		case exists(path + recovered):
			return nil, say(CodeDamaged, err)
		case errors.Is(err, os.ErrNotExist):
			return nil, say(CodeMissingFile, err)
		}
		return nil, fmt.Errorf("open replica: %w", err)
	}
	if exists(path + recovered) {
		return nil, say(CodeDamaged, errors.New("it was being recovered, and that was interrupted"))
	}
	if err := fitting(path, opts.Cipher); err != nil {
		return nil, err
	}
	if err := checkLog(path + "-wal"); err != nil {
		return nil, say(CodeDamaged, err)
	}
	return attach(path, opts, false)
}

func attach(path string, opts Options, fresh bool) (_ *Replica, err error) {
	if opts.Keys == nil {
		opts.Keys = &FileKeeper{Path: SealPath(path)}
	}
	r := &Replica{
		path: path, opts: opts, schema: opts.Schema,
		turn: make(chan struct{}, 1), gone: make(chan struct{}), sealed: make(chan struct{}, 1), round: make(chan struct{}, 1),
	}
	defer func() {
		if err != nil {
			r.drop()
		}
	}()
	if info, err := os.Stat(path + "-wal"); err == nil && info.Size() > 0 {
		r.unclean.Store(true)
	}
	if r.raw, err = openRaw(path); err != nil {
		return nil, fmt.Errorf("open replica: %w", err)
	}
	ctx := context.Background()
	if r.write, err = connect(dsn(path, opts, false), opts.Cipher); err != nil {
		return nil, fmt.Errorf("open replica: %w", err)
	}
	r.write.SetMaxOpenConns(1)
	if r.conn, err = r.write.Conn(ctx); err != nil {
		return nil, unusable(path, opts, err)
	}
	if err := verify(ctx, r.conn); err != nil {
		return nil, unusable(path, opts, err)
	}
	if err := r.prepare(ctx, fresh); err != nil {
		return nil, unusable(path, opts, err)
	}
	if err := r.temporary(ctx, "MEMORY"); err != nil { // only now: an upgrade may sort a whole table
		return nil, unusable(path, opts, err)
	}
	if err := r.raw.verifyCipher(opts.Cipher); err != nil {
		return nil, err
	}
	r.read = unspilled(dsn(path, opts, true))
	r.read.SetMaxOpenConns(readers)
	r.read.SetMaxIdleConns(readers)
	if err := r.resume(ctx); err != nil {
		return nil, unusable(path, opts, err)
	}
	return r, nil
}

func (r *Replica) drop() {
	if r.conn != nil {
		_ = r.conn.Close()
	}
	for _, db := range []*sql.DB{r.write, r.read} {
		if db != nil {
			_ = db.Close()
		}
	}
	r.raw.release()
}

// dsn sets what the promises rest on: a write-ahead log that is flushed at every commit (a power cut loses nothing
// that was acknowledged), writers that take the lock at BEGIN, deleted rows that are overwritten, and delete triggers
// that see INSERT OR REPLACE.
func dsn(path string, opts Options, readOnly bool) string {
	q := url.Values{}
	q.Set("mode", "rw")
	q.Set("_busy_timeout", fmt.Sprint(opts.BusyTimeout.Milliseconds()))
	q.Set("_journal", "WAL")
	q.Set("_sync", "FULL")
	q.Set("_rt", "1")
	q.Set("_stmt_cache_size", "256")
	if readOnly {
		q.Set("_query_only", "1")
	} else {
		q.Set("_txlock", "immediate")
		q.Set("_secure_delete", "true")
	}
	cipherQuery(q, opts.Cipher)
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

// temporary says where SQLite keeps what it may have to take back, of each statement that makes triggers run: left to
// itself, in a file of the system's folder for temporary ones, where nothing of a replica belongs.
func (r *Replica) temporary(ctx context.Context, where string) error {
	_, err := r.conn.ExecContext(ctx, "PRAGMA temp_store = "+where)
	return storage(err)
}

// verify fails closed: a setting that SQLite did not take would only show after a power cut.
func verify(ctx context.Context, conn *sql.Conn) error {
	for _, want := range []struct{ pragma, value string }{
		{"journal_mode", "wal"}, {"synchronous", "2"}, {"recursive_triggers", "1"}, {"secure_delete", "1"},
	} {
		var got string
		if err := conn.QueryRowContext(ctx, "PRAGMA "+want.pragma).Scan(&got); err != nil {
			return fmt.Errorf("read pragma %s: %w", want.pragma, err)
		}
		if got != want.value {
			return fmt.Errorf("device: SQLite keeps %s at %s, not %s; the file cannot be trusted to be durable", want.pragma, got, want.value)
		}
	}
	return nil
}

// prepare makes or upgrades the tables, in one transaction. A file that another program left something else in is
// refused before anything is written.
func (r *Replica) prepare(ctx context.Context, fresh bool) error {
	sum := sha256.Sum256([]byte(strings.Join(ddl.Replica(r.schema), "\n") + engineTables + trustTable + fmt.Sprint(addedColumns)))
	tables := hex.EncodeToString(sum[:])
	had, err := r.made(ctx, fresh)
	if err != nil || had == tables {
		return err
	}
	return r.transact(ctx, func(p *port) error {
		have, err := existing(ctx, r.conn)
		if err != nil {
			return err
		}
		added := lacking(r.schema, have)
		if err := p.make(slices.Concat(ddl.ReplicaTables(r.schema, have), []string{engineTables, trustTable}, newColumns(have))); err != nil {
			return err
		}
		if err := p.addColumns(ctx, r); err != nil {
			return err
		}
		if err := p.make(ddl.ReplicaTriggers(r.schema)); err != nil {
			return err
		}
		if err := p.exec(`INSERT INTO ds_format(k, format, schema, tables) VALUES(1, ?, ?, ?)
			ON CONFLICT(k) DO UPDATE SET format = excluded.format, schema = excluded.schema, tables = excluded.tables`,
			format, r.schema.Version, tables); err != nil {
			return err
		}
		if err := p.exec(fmt.Sprintf("PRAGMA application_id = %d", applicationID)); err != nil {
			return err
		}
		own, err := builtIn()
		if err != nil {
			return err
		}
		if err := p.exec(fmt.Sprintf("PRAGMA user_version = %d", own)); err != nil {
			return err
		}
		if err := p.exec(`UPDATE ds_state SET schema = ?`, r.schema.Version); err != nil {
			return err
		}
		// What the old triggers caught is sealed while its lines still mean what the new declarations say.
		return p.applying(func() error {
			ctl, err := p.Control()
			if err != nil || ctl.Device == "" {
				return err
			}
			if _, err = replica.Seal(p, r.schema, r.opts.Clock.Read(), true); err != nil {
				return err
			}
			return replica.Adopt(p, r.schema, added)
		})
	})
}

func (p *port) make(statements []string) error {
	for _, q := range statements {
		if err := p.exec(q); err != nil {
			return fmt.Errorf("make tables of the replica: %w", err)
		}
	}
	return nil
}

// lacking names the cells of which a file has no columns yet.
func lacking(s *schema.Schema, have ddl.Existing) (added []string) {
	for _, t := range s.Tables {
		for _, cell := range t.Cells {
			if slices.ContainsFunc(cell.Columns, func(c *schema.Column) bool { return !slices.Contains(have.Columns[t.Name], c.Name) }) {
				added = append(added, t.Name+"."+cell.Name)
			}
		}
	}
	return added
}

// made tells by which tables the replica was made, "" for a new file.
func (r *Replica) made(ctx context.Context, fresh bool) (string, error) {
	if fresh {
		return "", nil
	}
	var n int
	if err := r.conn.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema WHERE name = 'ds_format'`).Scan(&n); err != nil {
		return "", err
	}
	if n == 0 {
		return "", say(CodeNotReplica, nil) // or its catalogue is damaged: see unusable
	}
	var layout, version int
	var tables string
	err := r.conn.QueryRowContext(ctx, `SELECT format, schema, tables FROM ds_format WHERE k = 1`).Scan(&layout, &version, &tables)
	if errors.Is(err, sql.ErrNoRows) {
		return "", say(CodeNotReplica, err)
	}
	if err != nil {
		return "", err
	}
	if layout > format || version > r.schema.Version {
		return "", r.newer(ctx, layout, version)
	}
	return tables, nil
}

// newer tells why a file is beyond this program: its layout or its built-in declarations are those of a newer app, or
// it was made with declarations of a county that were not given here.
func (r *Replica) newer(ctx context.Context, layout, version int) error {
	cause := fmt.Errorf("format %d, declarations %d", layout, version)
	own, err := builtIn()
	if err != nil {
		return err
	}
	var made int // the version of the built-in declarations that the file was made with; 0 before that was kept
	if err := r.conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&made); err != nil {
		return err
	}
	if layout > format || made > own {
		return say(CodeNewer, cause)
	}
	return say(CodeCounty, cause)
}

// builtIn gives the version of the declarations that this program brings itself.
var builtIn = sync.OnceValues(func() (int, error) {
	s, err := load.Default()
	if err != nil {
		return 0, err
	}
	return s.Version, nil
})

// existing reads what the catalogue holds, for the upgrade.
func existing(ctx context.Context, conn *sql.Conn) (ddl.Existing, error) {
	have := ddl.Existing{Columns: map[string][]string{}}
	rows, err := conn.QueryContext(ctx, `SELECT m.name, x.name FROM sqlite_schema m JOIN pragma_table_info(m.name) x WHERE m.type = 'table'
		UNION ALL SELECT NULL, name FROM sqlite_schema WHERE type = 'trigger'`)
	if err != nil {
		return have, fmt.Errorf("read catalogue: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var table sql.NullString
		var name string
		if err := rows.Scan(&table, &name); err != nil {
			return have, err
		}
		if table.Valid {
			have.Columns[table.String] = append(have.Columns[table.String], name)
		} else {
			have.Triggers = append(have.Triggers, name)
		}
	}
	return have, rows.Err()
}
