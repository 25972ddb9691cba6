package device_test

import (
	"context"
	"database/sql"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/internal/imports"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

const (
	deviceA = "00000000-0000-7000-8000-00000000000a"
	account = "acc-1"
	grid    = "370115003239001"
	viewA   = "view-a"
)

var bg = context.Background()

func TestImports(t *testing.T) {
	imports.Check(t, "clients/device", "server", "github.com/prometheus", "github.com/pressly/goose", "github.com/danielgtaylor/huma")
}

// hand is a clock that moves one millisecond with every reading.
type hand struct{ ms atomic.Int64 }

func (h *hand) Read() replica.Clock {
	n := h.ms.Add(1)
	return replica.Clock{Wall: 1_790_000_000_000 + n, Boot: "boot-1", Mono: n}
}

// create makes an enrolled replica with a grid and a snapshot of nothing.
func create(t testing.TB) *device.Replica {
	t.Helper()
	r, err := device.Create(filepath.Join(t.TempDir(), "replica.db"), device.Options{Clock: &hand{}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	adopt(t, r)
	return r
}

// adopt enrols a replica and takes it to the head of an empty county.
func adopt(t testing.TB, r *device.Replica) {
	t.Helper()
	require.NoError(t, r.Identify(bg, device.Identity{Device: deviceA, Account: account}))
	s := r.Session()
	greet(t, s, &se.Welcome{Epoch: 1, View: viewA, Reset: true, Grants: grants(), Limits: se.DefaultLimits})
	applied, err := s.Stage(&se.Delta{View: viewA, Reset: true, Done: true, To: se.Base{Epoch: 1, Seq: 10}})
	require.NoError(t, err)
	require.True(t, applied)
}

func grants() []se.Grant { return []se.Grant{{Scope: grid, Role: "grid_worker"}} }

// shell runs Debian's sqlite3 on the replica's file: a program that knows nothing of Doorstep. Of an encrypted one, which
// that cannot read, a program does it that was given the key.
func shell(t testing.TB, r *device.Replica, script string) string {
	t.Helper()
	out, err := sqlite(r.Path(), ".timeout 10000\n"+script)
	require.NoError(t, err, "%s", out)
	return out
}

func sqlite(path, script string) (out string, err error) {
	if device.EveryKey() != nil {
		return keyedShell(path, script)
	}
	cmd := exec.Command("sqlite3", "-bail", path)
	cmd.Stdin = strings.NewReader(script)
	text, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(text)), err
}

// keyedShell runs statements, and writes rows as the shell does.
func keyedShell(path, script string) (string, error) {
	db, err := device.Foreign(path, "mode=rw&_busy_timeout=10000")
	if err != nil {
		return "", err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	var out []string
	list := statements(script)
	if len(list) == 1 && list[0] == ".dump" {
		list = strings.Split("SELECT name, sql FROM sqlite_schema ORDER BY name\n"+tables(db), "\n")
	}
	for _, q := range list {
		lines, err := listed(db, q)
		if err != nil {
			return err.Error(), err
		}
		out = append(out, lines...)
	}
	return strings.TrimSpace(strings.Join(out, "\n")), nil
}

func listed(db *sql.DB, query string) (out []string, err error) {
	rows, err := db.Query(query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	cells, dest := make([]sql.NullString, len(names)), make([]any, len(names))
	for i := range cells {
		dest[i] = &cells[i]
	}
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return nil, err
		}
		var line []string
		for _, c := range cells {
			line = append(line, c.String)
		}
		out = append(out, strings.Join(line, "|"))
	}
	return out, rows.Err()
}

// tables gives a line for each table that reads it.
func tables(db *sql.DB) (out string) {
	_ = db.QueryRow(`SELECT group_concat('SELECT * FROM "' || name || '" ORDER BY 1', char(10)) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'`).Scan(&out)
	return out
}

// statements takes a script apart; what the shell itself is told, in lines that begin with a dot, is left out.
func statements(script string) (out []string) {
	quote, from := byte(0), 0
	for strings.HasPrefix(script, ".") && strings.Contains(script, "\n") {
		_, script, _ = strings.Cut(script, "\n")
	}
	for i := range len(script) {
		switch c := script[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == ';' && strings.HasPrefix(strings.TrimSpace(script[from:]), "CREATE TRIGGER") && !strings.HasSuffix(script[from:i], "END"):
		case c == ';':
			out, from = append(out, script[from:i]), i+1
		}
	}
	if rest := strings.TrimSpace(script[from:]); rest != "" {
		out = append(out, rest)
	}
	return out
}

// outbox lists what waits to be sent.
func outbox(t testing.TB, r *device.Replica) []*se.Changeset {
	t.Helper()
	list, err := r.Session().Outbox(0, 1<<20)
	require.NoError(t, err)
	return list
}

func insert(t testing.TB, r *device.Replica, table string, values map[string]any) (id se.RowID) {
	t.Helper()
	_, err := r.Write(bg, func(tx *device.Tx) (err error) {
		id, err = tx.Insert(table, values)
		return err
	})
	require.NoError(t, err)
	return id
}

// timeout ends a test that hangs.
func timeout() (context.Context, context.CancelFunc) { return context.WithTimeout(bg, 30*time.Second) }

// greet lets the replica take over a Welcome.
func greet(t testing.TB, s session.Replica, w *se.Welcome) *se.Drain {
	t.Helper()
	drain, err := s.Greet(w)
	require.NoError(t, err)
	return drain
}
