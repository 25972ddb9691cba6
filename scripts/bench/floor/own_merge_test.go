package floor

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/ddl"
	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/scripts/bench/own"
	"github.com/doorstep-sync/doorstep/scripts/bench/record"
	"github.com/doorstep-sync/doorstep/scripts/prove/crowd"
	"github.com/doorstep-sync/doorstep/server/store"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// Of what the centre packs beside a record's own bytes: the writes that its cells consist of, and the changeset around them.
// TestOwnPacked holds them to what it really writes.
const (
	versionsMore = 212
	bodyMore     = 355
)

// ownCentre does to the centre's own tables what each record costs at least: it reads what is there, writes the record with its
// versions, and for each changeset its verdict and a line of history, which names its rows.
type ownCentre struct {
	t    testing.TB
	db   *sql.DB
	each int // records of a changeset; 0 = all of a batch
	seq  int64

	batches int
}

// ownTables is a centre's database without a record, closed.
func ownTables(t testing.TB) (path string) {
	t.Helper()
	s, err := load.Default()
	require.NoError(t, err)
	path = filepath.Join(t.TempDir(), "centre.db")
	st, err := store.Open(path, s)
	require.NoError(t, err)
	require.NoError(t, st.Close())
	return path
}

// ownCentres gives centres that begin as copies of one.
func ownCentres(t testing.TB, each int) func(testing.TB, string) merging {
	tables := ownTables(t)
	return func(t testing.TB, path string) merging {
		copied(t, tables, path)
		return &ownCentre{t: t, db: open(t, path, "PRAGMA cache_size = -65536", "PRAGMA temp_store = MEMORY"), each: each}
	}
}

func (c *ownCentre) records() (n int) {
	require.NoError(c.t, c.db.QueryRow("SELECT count(*) FROM rec_"+own.Table).Scan(&n))
	return n
}

func (c *ownCentre) end() { require.NoError(c.t, c.db.Close()) }

var ownStatements = []string{
	"SELECT id, scope, row_seq, door, author, versions FROM rec_visit WHERE county = ? AND id = ?",
	ownUpsert(),
	"INSERT INTO history_row(county, tbl, id, seq) VALUES(?, ?, ?, ?)",
	"INSERT INTO history(county, seq, epoch, device, n, author, at, received, suspect, prev, hash, body) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	"INSERT INTO verdict(county, device, n, hash, kind, epoch, seq, detail) VALUES(?, ?, ?, ?, ?, ?, ?, NULL)",
	"INSERT OR REPLACE INTO sync_device(county, id, last_n, hash, at, inbox, console, acked) VALUES(?, ?, ?, ?, 0, 0, 0, 0)",
	"UPDATE county SET seq = ?, history = ? WHERE id = ?",
}

// ownUpsert writes a record with its versions.
func ownUpsert() string {
	names, marks, sets := "county", "?", ""
	for _, name := range append(own.AllColumns[:len(own.AllColumns):len(own.AllColumns)], "row_seq", "door", "author", "versions") {
		names, marks = names+", "+name, marks+", ?"
		if name != schema.ColID {
			sets += ", " + name + " = excluded." + name
		}
	}
	return "INSERT INTO " + ddl.CentrePrefix + own.Table + "(" + names + ") VALUES(" + marks + ") ON CONFLICT(county, id) DO UPDATE SET " + sets[2:]
}

func (c *ownCentre) merge(batches ...[]byte) {
	within(c.t, c.db, func(tx *sql.Tx) {
		m := ownMerge{ownCentre: c}
		for i, text := range ownStatements {
			s, err := tx.Prepare(text)
			require.NoError(c.t, err)
			defer s.Close()
			m.statements[i] = s
		}
		for _, batch := range batches {
			c.batches++
			m.device, m.n = fmt.Sprintf("%s%06x", ownDevice[:30], c.batches), 0 // each is another device
			require.NoError(c.t, record.Each(batch, m.record))
			require.NoError(c.t, m.changeset())
			_, err := m.statements[5].Exec(1, m.device, m.n, m.hash[:])
			require.NoError(c.t, err)
		}
		_, err := m.statements[6].Exec(c.seq, m.hash[:], 1)
		require.NoError(c.t, err)
	})
}

// ownMerge is one transaction.
type ownMerge struct {
	*ownCentre
	statements [7]*sql.Stmt
	device     string
	n, open    int // changesets that are done, records of the one that is open
	body       []byte
	hash       [32]byte
	padding    [versionsMore]byte
}

func (m *ownMerge) record(r *record.Record) error {
	if m.open == 0 {
		m.seq++
		m.body = append(m.body[:0], make([]byte, bodyMore)...)
	}
	id := own.Row(r).String()
	var old [6]any
	if err := m.statements[0].QueryRow(1, id).Scan(&old[0], &old[1], &old[2], &old[3], &old[4], &old[5]); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	plain := record.Append(nil, r)
	s := own.Stored{Record: *r, Scope: ownUnit, Author: ownAccount, Received: r.Updated}
	args := append([]any{1}, s.All()...)
	_, err1 := m.statements[1].Exec(append(args, m.seq, own.Dwelling(r.Home.String()), ownAccount, append(m.padding[:], plain...))...)
	_, err2 := m.statements[2].Exec(1, own.Table, id, m.seq)
	m.body = append(m.body, plain...)
	m.open++
	if err := errors.Join(err1, err2); err != nil || m.open != m.each {
		return err
	}
	return m.changeset()
}

// changeset ends the one that is open.
func (m *ownMerge) changeset() error {
	if m.open == 0 {
		return nil
	}
	m.n++
	m.open = 0
	_, err1 := m.statements[3].Exec(1, m.seq, 1, m.device, m.n, ownAccount, 0, 0, 0, m.hash[:], m.hash[:], m.body)
	_, err2 := m.statements[4].Exec(1, m.device, m.n, m.hash[:], 1, 1, m.seq)
	return errors.Join(err1, err2)
}

// BenchmarkBacklogOneOwn is W2 in the centre's own tables: one device hands in 5,000 records, each a changeset of its own, as
// somebody enters them.
func BenchmarkBacklogOneOwn(b *testing.B) { backlog(b, 1, 5000, ownCentres(b, 1)) }

// BenchmarkBacklogOneBulkOwn is the same with all records in one changeset, as somebody imports them.
func BenchmarkBacklogOneBulkOwn(b *testing.B) { backlog(b, 1, 5000, ownCentres(b, 0)) }

// BenchmarkBacklogManyOwn is W2 in the centre's own tables: a hundred devices hand in 50 changesets of a record each.
func BenchmarkBacklogManyOwn(b *testing.B) { backlog(b, 100, 50, ownCentres(b, 1)) }

// TestOwnPacked: what the floor writes into the centre's own tables is as many rows, and as many bytes within a tenth, as what the
// centre itself writes for the same records.
func TestOwnPacked(t *testing.T) {
	const records = 100
	list := record.Generate(2, records)
	dir := t.TempDir()
	entered(t, dir, list)
	var batch []byte
	for i := range list {
		batch = record.Append(batch, &list[i])
	}
	c := ownCentres(t, 1)(t, filepath.Join(dir, "floor.db")).(*ownCentre)
	c.merge(batch)
	theirs := open(t, filepath.Join(dir, "doorstep.db"))
	for _, q := range []string{
		"SELECT count(*) FROM rec_visit", "SELECT count(*) - 1 FROM history", "SELECT count(*) FROM history_row WHERE tbl = 'visit'", "SELECT count(*) - 1 FROM verdict",
		"SELECT avg(length(versions)) FROM rec_visit", "SELECT avg(length(body)) FROM history WHERE seq > 1",
		"SELECT total(length(door)) FROM rec_visit", "SELECT sum(accuracy_m) + sum(started_at) FROM rec_visit",
	} {
		var want, got float64
		require.NoError(t, theirs.QueryRow(q).Scan(&want))
		require.NoError(t, c.db.QueryRow(strings.ReplaceAll(strings.ReplaceAll(q, " - 1", ""), "WHERE seq > 1", "")).Scan(&got))
		require.InEpsilon(t, want, got, 0.1, q)
	}
}

// entered is a centre's folder in which these records were entered, after their households.
func entered(t testing.TB, dir string, list []record.Record) {
	t.Helper()
	s, err := load.Default()
	require.NoError(t, err)
	x, err := crowd.Open(dir, crowd.Outside{Now: func() time.Time { return time.UnixMilli(list[len(list)-1].Updated) }})
	require.NoError(t, err)
	defer x.Close()
	require.NoError(t, x.Units(t.Context(), 1))
	desk, err := x.As(t.Context(), "supervisor", "desk", crowd.Grid(0))
	require.NoError(t, err)
	homes, err := own.Homes(s, crowd.Grid(0), ownDevice, own.Households(list))
	require.NoError(t, err)
	require.NoError(t, x.Enter(t.Context(), desk, len(homes), len(homes), func(i int) se.Change { return homes[i] }))
	m, err := x.Member(t.Context(), "worker", crowd.Grid(0))
	require.NoError(t, err)
	require.NoError(t, x.Enter(t.Context(), m, len(list), 1, func(i int) se.Change {
		c, err := own.Insert(s, &list[i], crowd.Grid(0), list[i].Home.String())
		require.NoError(t, err)
		return c
	}))
}
