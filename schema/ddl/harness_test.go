package ddl_test

import (
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	_ "github.com/mattn/go-sqlite3"
	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/ddl"
	"github.com/doorstep-sync/doorstep/schema/load"
)

func defaultSchema(t testing.TB) *schema.Schema {
	t.Helper()
	s, err := load.Default()
	require.NoError(t, err)
	return s
}

// engine is one of the two SQLites that the replica must work under.
type engine interface {
	// run executes the statements one after the other, going on after errors, and gives the error texts.
	run(t testing.TB, statements ...string) (errs string)
	// lines gives the first column of a query, NULL as "".
	lines(t testing.TB, query string) []string
}

// eachEngine runs a test under the driver's SQLite and under Debian's shell, on a fresh replica.
func eachEngine(t *testing.T, test func(*testing.T, engine)) {
	t.Run("driver", func(t *testing.T) { test(t, openDriver(t, freshReplica(t))) })
	t.Run("shell", func(t *testing.T) { test(t, &shell{openShell(t), freshReplica(t)}) })
}

// template is an empty replica as a file, made once. TestReplicaStatements makes it statement by statement instead.
var template = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "replica")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s, err := load.Default()
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, "r.db"))
	if err != nil {
		return nil, err
	}
	if _, err := db.Exec("BEGIN;" + strings.Join(ddl.Replica(s), ";\n") + ";COMMIT"); err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(dir, "r.db"))
})

func freshReplica(t testing.TB) string {
	t.Helper()
	b, err := template()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "r.db")
	require.NoError(t, os.WriteFile(path, b, 0o600))
	return path
}

type driver struct{ db *sql.DB }

func openDriver(t testing.TB, path string) *driver {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path+"?_txlock=immediate&_sync=OFF")
	require.NoError(t, err)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return &driver{db}
}

func (d *driver) run(t testing.TB, statements ...string) (errs string) {
	for _, s := range statements {
		if _, err := d.db.Exec(s); err != nil {
			errs += err.Error() + "\n"
		}
	}
	return errs
}

func (d *driver) lines(t testing.TB, query string) []string {
	t.Helper()
	rows, err := d.db.Query(query)
	require.NoError(t, err, query)
	defer func() { _ = rows.Close() }()
	var out []string
	for rows.Next() {
		var s sql.NullString
		require.NoError(t, rows.Scan(&s))
		out = append(out, s.String)
	}
	require.NoError(t, rows.Err())
	return out
}

// shell runs each call in a process of its own, as a person at a prompt would: nothing of ours is loaded.
type shell struct{ bin, path string }

func openShell(t testing.TB) string {
	t.Helper()
	bin, err := exec.LookPath("sqlite3")
	if err != nil {
		t.Fatal("the sqlite3 shell is missing: install it (apt-get install sqlite3); this test does not skip, for it is the proof that any program may write a replica")
	}
	return bin
}

func (s *shell) run(t testing.TB, statements ...string) string {
	t.Helper()
	var errs strings.Builder
	cmd := exec.Command(s.bin, "-batch", s.path)
	cmd.Stdin = strings.NewReader("PRAGMA synchronous=OFF;\n" + strings.Join(statements, ";\n") + ";\n")
	cmd.Stderr = &errs
	cmd.Stdout = nil
	err := cmd.Run()
	if err != nil && errs.Len() == 0 {
		t.Fatalf("sqlite3: %v", err)
	}
	return errs.String()
}

func (s *shell) lines(t testing.TB, query string) []string {
	t.Helper()
	cmd := exec.Command(s.bin, "-batch", s.path)
	cmd.Stdin = strings.NewReader(query + ";\n")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err, query)
	text := strings.TrimSuffix(string(out), "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// captures gives what is in ds_capture, one line each: op, column, old, new.
func captures(t testing.TB, e engine) string {
	t.Helper()
	return strings.Join(e.lines(t, `SELECT op || ' ' || coalesce(col, '-') || ' ' || quote(old) || ' ' || quote(new) FROM ds_capture ORDER BY k`), "\n")
}

// id makes a valid row id out of a small number.
func id(n int) string { return fmt.Sprintf("01890000-0000-7000-8000-%012x", n) }
