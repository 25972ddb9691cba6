package store

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/syncengine/storetest"
)

// TestBackupAfterAKilledOne: what a backup that was killed left behind hinders none, and no backup takes another's file
// from under it.
func TestBackupAfterAKilledOne(t *testing.T) {
	dir := t.TempDir()
	path, to := filepath.Join(dir, "doorstep.db"), filepath.Join(dir, "backup.db")
	st, err := Open(path, storetest.Schema())
	require.NoError(t, err)
	defer st.Close()
	require.NoError(t, os.WriteFile(to+".part", []byte("half of a backup"), 0o600))
	require.NoError(t, os.WriteFile(to+".part-journal", []byte("and of its journal"), 0o600))
	require.NoError(t, Backup(path, to))
	_, err = CheckCopy(to, 1)
	require.NoError(t, err)
	require.NoFileExists(t, to+".part")
	require.NoFileExists(t, to+".part-journal")
	require.ErrorContains(t, Backup(path, to), "never written over")

	other := filepath.Join(dir, "other.db")
	f, err := claim(other + ".part")
	require.NoError(t, err)
	require.ErrorContains(t, Backup(path, other), "another backup is writing")
	require.NoError(t, f.Close())
	require.NoError(t, Backup(path, other))
}
