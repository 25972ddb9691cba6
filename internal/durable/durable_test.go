package durable_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/internal/durable"
	"github.com/doorstep-sync/doorstep/internal/imports"
)

func TestImports(t *testing.T) {
	imports.Check(t, "internal/durable", "schema", "syncengine", "server", "clients", "net", "database/sql", "log")
}

func names(t *testing.T, dir string) (out []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range list {
		out = append(out, e.Name())
	}
	return out
}

// What was there is replaced, for this user alone, and nothing else is left in the folder.
func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "keys")
	require.NoError(t, os.WriteFile(path, []byte("a long text that was there before"), 0o644))
	require.NoError(t, durable.WriteFile(path, []byte("new")))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "new", string(text))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	require.Equal(t, []string{"keys"}, names(t, dir))
}

// A file that cannot have its name leaves what has it alone, and nothing of itself.
func TestWriteFileFails(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "keys"), 0o700))
	require.Error(t, durable.WriteFile(filepath.Join(dir, "keys"), []byte("new")))
	require.Equal(t, []string{"keys"}, names(t, dir))
	require.ErrorIs(t, durable.WriteFile(filepath.Join(dir, "none", "keys"), nil), os.ErrNotExist)
	require.ErrorIs(t, durable.SyncFolder(filepath.Join(dir, "none")), os.ErrNotExist)
}

// Of several who write at once one stands, whole.
func TestWriteFileAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() { errs[i] = durable.WriteFile(path, []byte(strings.Repeat(string(rune('a'+i)), 100*(i+1)))) })
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Len(t, text, 100*(int(text[0]-'a')+1))
	require.Equal(t, strings.Repeat(string(text[:1]), len(text)), string(text))
	require.Equal(t, []string{"keys"}, names(t, filepath.Dir(path)))
}
