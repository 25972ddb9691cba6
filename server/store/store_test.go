package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/mattn/go-sqlite3"
	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/internal/imports"
	"github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/memstore"
	"github.com/doorstep-sync/doorstep/syncengine/storetest"
)

func TestImports(t *testing.T) {
	imports.Check(t, "server/store", "clients", "server/gateway", "server/api", "server/auth", "server/centre", "net/http")
}

// openAt opens the file and closes it with the test.
func openAt(t testing.TB, path string, opts ...Option) *Store {
	t.Helper()
	s, err := Open(path, storetest.Schema(), opts...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func open(t *testing.T) storetest.Opened {
	path := filepath.Join(t.TempDir(), "odd #%3f?名.db")
	s := openAt(t, path)
	return storetest.Opened{
		Store:        s,
		SetPrincipal: func(p *syncengine.Principal) { setPrincipal(t, s, p) },
		FailCommit:   func() { failCommit(t, s) },
		Reopen: func() syncengine.Store {
			require.NoError(t, s.Close())
			return openAt(t, path)
		},
	}
}

// failCommit makes SQLite itself refuse the next COMMIT, as it does when the disk fails: it rolls back.
func failCommit(t testing.TB, s *Store) {
	hook := func(fn func() int) {
		require.NoError(t, withRaw(s.writer, func(c *conn) error { c.c.RegisterCommitHook(fn); return nil }))
	}
	var c *sqlite3.SQLiteConn
	require.NoError(t, withRaw(s.writer, func(x *conn) error { c = x.c; return nil }))
	hook(func() int { c.RegisterCommitHook(nil); return 1 })
}

// setPrincipal writes the directory so that the device's principal is p: one assignment for each grant.
func setPrincipal(t testing.TB, s *Store, p *syncengine.Principal) {
	t.Helper()
	require.NoError(t, s.WithTx(context.Background(), func(tx *sql.Tx) error {
		do := func(q string, args ...any) {
			t.Helper()
			_, err := tx.Exec(q, args...)
			require.NoError(t, err)
		}
		do(`DELETE FROM assignment WHERE account = $1`, p.Account)
		do(`INSERT OR REPLACE INTO account (county, id, login) VALUES (1, $1, $2)`, p.Account, p.Account)
		do(`INSERT OR REPLACE INTO device (county, id, account, console, revoked_at) VALUES (1, $1, $2, $3, $4)`,
			p.Device, p.Account, p.Console, p.Revoked)
		for i, g := range p.Grants {
			doors, err := json.Marshal(g.Doors)
			require.NoError(t, err)
			do(`INSERT OR REPLACE INTO org_unit (county, code, name) VALUES (1, $1, $2)`, g.Scope, g.Name)
			do(`INSERT INTO assignment (county, id, account, role, scope, doors, valid_from, valid_to) VALUES (1, $1, $2, $3, $4, $5, $6, $7)`,
				i, p.Account, g.Role, g.Scope, string(doors), g.From, g.To)
		}
		return nil
	}))
}

func TestStore(t *testing.T) { storetest.Run(t, open) }

func TestDifferential(t *testing.T) {
	for seed := range uint64(4) {
		mem := memstore.New(storetest.Schema())
		storetest.Differential(t, seed, 40, storetest.Opened{Store: mem}, open(t))
	}
}
