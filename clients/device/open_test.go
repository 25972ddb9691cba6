package device_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/schema/load"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

func reopen(t *testing.T, r *device.Replica, opts device.Options) (*device.Replica, error) {
	t.Helper()
	require.NoError(t, r.Close())
	again, err := device.Open(r.Path(), opts)
	if err == nil {
		t.Cleanup(func() { _ = again.Close() })
	}
	return again, err
}

func TestOpenFindsWhatWasWritten(t *testing.T) {
	r := create(t)
	id := dwelling(t, r)
	r, err := reopen(t, r, device.Options{Clock: &hand{}})
	require.NoError(t, err)
	require.Len(t, outbox(t, r), 1)
	require.Equal(t, device.MarkSaved, mark(t, r, "household", id))
	who, err := r.Identity(bg)
	require.NoError(t, err)
	require.Equal(t, device.Identity{Device: deviceA, Account: account}, who)
	dwelling(t, r)
	require.EqualValues(t, 2, outbox(t, r)[1].N)
	require.Equal(t, outbox(t, r)[0].Hash(), outbox(t, r)[1].Prev)
}

func TestOpenRefusesWithASentence(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "notes.txt")
	require.NoError(t, os.WriteFile(text, []byte("this is no database, and much longer than a header of one hundred bytes has to be, so that SQLite reads it"), 0o600))
	_, err := device.Open(text, device.Options{})
	require.Equal(t, device.CodeNotReplica, device.CodeOf(err), "%v", err)
	kept, err := os.ReadFile(text)
	require.NoError(t, err)
	require.Contains(t, string(kept), "this is no database")

	_, err = device.Open(filepath.Join(dir, "nowhere.db"), device.Options{})
	require.Equal(t, device.CodeMissingFile, device.CodeOf(err))
	require.NoFileExists(t, filepath.Join(dir, "nowhere.db"))

	r := create(t)
	_, err = device.Create(r.Path(), device.Options{})
	require.Equal(t, device.CodeExists, device.CodeOf(err))

	other := create(t)
	shell(t, other, `UPDATE ds_format SET format = format + 1;`)
	_, err = reopen(t, other, device.Options{})
	require.Equal(t, device.CodeNewer, device.CodeOf(err))

	hurt := create(t)
	shell(t, hurt, `DROP TABLE ds_format;`)
	_, err = reopen(t, hurt, device.Options{})
	require.Equal(t, device.CodeDamaged, device.CodeOf(err), "it bears the mark of a replica: whoever is told that it is none might delete it")

	defer device.InClear()()
	foreign := filepath.Join(dir, "foreign.db")
	out, err := exec.Command("sqlite3", foreign, `CREATE TABLE household(id TEXT); INSERT INTO household VALUES('x');`).CombinedOutput()
	require.NoError(t, err, "%s", out)
	_, err = device.Open(foreign, device.Options{})
	require.Equal(t, device.CodeNotReplica, device.CodeOf(err))
	_, err = device.Recover(foreign, device.Options{})
	require.Equal(t, device.CodeNotReplica, device.CodeOf(err))
	require.FileExists(t, foreign, "nothing is done to what is no replica")
}

func TestFileOfAnyNameOpens(t *testing.T) {
	for _, name := range []string{"a b.db", "网格?1.db", "50%25#x&y.db"} {
		r, err := device.Create(filepath.Join(t.TempDir(), name), device.Options{Clock: &hand{}})
		require.NoError(t, err, name)
		require.FileExists(t, r.Path())
		require.NoError(t, r.Close())
	}
}

func TestFileIsPrivateAndDurable(t *testing.T) {
	r := create(t)
	info, err := os.Stat(r.Path())
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	for pragma, want := range map[string]int64{"synchronous": 2, "recursive_triggers": 1, "secure_delete": 1} {
		got, err := r.Pragma(pragma)
		require.NoError(t, err)
		require.Equal(t, want, got, pragma)
	}
	require.Equal(t, "wal", shell(t, r, "PRAGMA journal_mode;"))
}

// TestNothingIsPutElsewhere: what a statement may have to take back lies in memory, not in a file of the system's folder
// for temporary ones.
func TestNothingIsPutElsewhere(t *testing.T) {
	r := create(t)
	at, err := r.Pragma("temp_store")
	require.NoError(t, err)
	require.EqualValues(t, 2, at)
	require.NoError(t, r.Close())
	r, err = device.Open(r.Path(), device.Options{})
	require.NoError(t, err)
	defer r.Close()
	at, err = r.Pragma("temp_store")
	require.NoError(t, err)
	require.EqualValues(t, 2, at)
	at, err = r.ReaderPragma("temp_store")
	require.NoError(t, err)
	require.EqualValues(t, 2, at, "who reads may have to sort")
	done, err := r.PurgeSteps(t.Context()).Bytes()
	require.NoError(t, err)
	require.True(t, done)
	at, err = r.Pragma("temp_store")
	require.NoError(t, err)
	require.EqualValues(t, 2, at, "after the file was written anew, too")
}

// A newer declaration adds a column; what an old program captured before is sealed, and the new column is captured.
func TestNewDeclarations(t *testing.T) {
	r := create(t)
	id := dwelling(t, r)
	shell(t, r, `UPDATE household SET notes = 'by hand';`)
	newer, err := load.Default()
	require.NoError(t, err)
	newer.Version++
	table := newer.Table("household")
	table.Columns = append(table.Columns, &schema.Column{Name: "wechat", Type: schema.TypeText, Policy: schema.PolicyLWW, Label: schema.Label{ZH: "微信", EN: "WeChat"}})
	newer.Index()

	r, err = reopen(t, r, device.Options{Clock: &hand{}, Schema: newer})
	require.NoError(t, err)
	list := outbox(t, r)
	require.Len(t, list, 2, "sealed before the upgrade")
	require.True(t, list[1].Foreign)
	_, err = r.Write(bg, func(tx *device.Tx) error { return tx.Set("household", id, map[string]any{"wechat": "w"}) })
	require.NoError(t, err)
	require.Equal(t, []se.CellWrite{{Cell: "wechat", Values: []schema.Value{schema.Text("w")}}}, outbox(t, r)[2].Changes[0].Cells)
	s, err := r.Session().Hello()
	require.NoError(t, err)
	require.Equal(t, newer.Version, s.Schema)

	path := r.Path()
	_, err = reopen(t, r, device.Options{})
	require.Equal(t, device.CodeCounty, device.CodeOf(err), "made with declarations beyond the built-in ones")
	raw, err := device.Foreign(path, "mode=rw")
	require.NoError(t, err)
	defer raw.Close()
	_, err = raw.Exec(`PRAGMA user_version = 1000`)
	require.NoError(t, err)
	_, err = device.Open(path, device.Options{})
	require.Equal(t, device.CodeNewer, device.CodeOf(err), "an older program does not open it")
}

func TestUnenrolledReplicaKeepsWhatIsCaptured(t *testing.T) {
	r, err := device.Create(filepath.Join(t.TempDir(), "new.db"), device.Options{Clock: &hand{}})
	require.NoError(t, err)
	defer r.Close()
	_, err = r.Write(bg, func(*device.Tx) error { t.Fatal("must not run"); return nil })
	require.Equal(t, device.CodeNotEnrolled, device.CodeOf(err))
	shell(t, r, `INSERT INTO household(notes) VALUES('early');`)
	n, err := r.Seal(bg)
	require.NoError(t, err)
	require.Zero(t, n)
	require.NoError(t, r.Identify(bg, device.Identity{Device: deviceA, Account: account}))
	n, err = r.Seal(bg)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	err = r.Identify(bg, device.Identity{Device: deviceB, Account: account})
	require.Equal(t, device.CodeEnrolled, device.CodeOf(err))
}

func TestClosedReplica(t *testing.T) {
	r := create(t)
	require.NoError(t, r.Close())
	require.NoError(t, r.Close())
	ctx, cancel := timeout()
	defer cancel()
	_, err := r.Write(ctx, func(*device.Tx) error { return nil })
	require.Error(t, err)
}

// A bit that flipped on the disk is found before the changeset is sent: the centre would take it for a copied replica.
func TestDamagedChangesetIsNotSent(t *testing.T) {
	c, a, _ := pair(t)
	synced(t, a, c)
	household(t, a)
	shell(t, a, `UPDATE ds_outbox SET body = CAST(replace(CAST(body AS TEXT), '13812345678', '13812345679') AS BLOB);`)
	_, err := a.Session().Outbox(0, 10)
	require.Equal(t, device.CodeDamaged, device.CodeOf(err), "%v", err)
	ctx, cancel := timeout()
	defer cancel()
	_, err = a.Sync(ctx, c)
	require.Equal(t, device.CodeDamaged, device.CodeOf(err))
}
