package floor

import (
	"database/sql"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/bench/record"
)

// centre is the least that any centre does with a record: it reads what is there, writes the record, its version, and a
// line of its log.
type centre struct {
	t   testing.TB
	db  *sql.DB
	seq int64
}

var centreTables = []string{
	record.Table,
	"CREATE TABLE version (id BLOB PRIMARY KEY, version BLOB NOT NULL) WITHOUT ROWID",
	"CREATE TABLE log (seq INTEGER PRIMARY KEY, id BLOB NOT NULL, device INTEGER NOT NULL)",
}

func newCentre(t testing.TB, path string) *centre {
	return &centre{t: t, db: open(t, path, centreTables...)}
}

func (c *centre) records() int { return count(c.t, c.db) }
func (c *centre) end()         { require.NoError(c.t, c.db.Close()) }

// merge takes batches of devices in one transaction.
func (c *centre) merge(batches ...[]byte) {
	within(c.t, c.db, func(tx *sql.Tx) {
		var statements [4]*sql.Stmt
		for i, text := range []string{
			"SELECT version FROM version WHERE id = ?", record.Upsert, "INSERT OR REPLACE INTO version VALUES (?, ?)",
			"INSERT INTO log VALUES (?, ?, ?)",
		} {
			s, err := tx.Prepare(text)
			require.NoError(c.t, err)
			defer s.Close()
			statements[i] = s
		}
		version := make([]byte, 16)
		for device, batch := range batches {
			require.NoError(c.t, record.Each(batch, func(r *record.Record) error {
				var old []byte
				if err := statements[0].QueryRow(r.ID[:]).Scan(&old); err != nil && !errors.Is(err, sql.ErrNoRows) {
					return err
				}
				c.seq++
				binary.BigEndian.PutUint64(version, uint64(c.seq))
				binary.BigEndian.PutUint64(version[8:], uint64(r.Updated))
				_, err1 := statements[1].Exec(r.Values()...)
				_, err2 := statements[2].Exec(r.ID[:], version)
				_, err3 := statements[3].Exec(c.seq, r.ID[:], device)
				return errors.Join(err1, err2, err3)
			}))
		}
	})
}
