package store

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

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
	require.NoFileExists(t, to+".part.lock")
	require.ErrorContains(t, Backup(path, to), "never written over")

	other := filepath.Join(dir, "other.db")
	f, err := claim(other+".part", unix.Flock)
	require.NoError(t, err)
	require.ErrorContains(t, Backup(path, other), "another backup is writing")
	require.NoError(t, f.Close())
	require.NoError(t, Backup(path, other))
	require.NoFileExists(t, other+".part.lock")
}

// TestBackupsAtOnce: of backups to one name one is made, and none writes over it.
func TestBackupsAtOnce(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "doorstep.db")
	st, err := Open(path, storetest.Schema())
	require.NoError(t, err)
	defer st.Close()
	for round := range 20 {
		to := filepath.Join(dir, fmt.Sprint("backup-", round))
		var made atomic.Int64
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for there := false; !there; { // whoever comes at the very end as well
					if Backup(path, to) == nil {
						made.Add(1)
					}
					_, err := os.Stat(to)
					there = err == nil
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 1, made.Load(), "round %d: a backup was written over", round)
		require.NoFileExists(t, to+".part")
		require.NoFileExists(t, to+".part.lock")
		_, err = CheckCopy(to, 1)
		require.NoError(t, err)
	}
}

// TestBackupLocksNothingThatSQLiteWrites: where such a lock is one on bytes, as on NFS, it would keep SQLite out.
func TestBackupLocksNothingThatSQLiteWrites(t *testing.T) {
	part := filepath.Join(t.TempDir(), "backup.db.part")
	lock, err := claim(part, unix.Flock)
	require.NoError(t, err)
	defer release(lock)
	require.NoError(t, empty(part))
	f, err := os.Open(part)
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB))
}

// TestBackupWithoutLocks: some mounts know no locks, or not always. There the file itself keeps others out, until
// somebody removes what a killed backup left.
func TestBackupWithoutLocks(t *testing.T) {
	for _, refused := range []error{unix.ENOLCK, unix.ENOSYS, unix.ENOTSUP} {
		part := filepath.Join(t.TempDir(), "backup.db.part")
		none := func(int, int) error { return refused }
		lock, err := claim(part, none)
		require.NoError(t, err)
		for _, flock := range []func(int, int) error{none, unix.Flock} {
			_, err = claim(part, flock)
			require.ErrorContains(t, err, "remove it, or choose a new name")
			require.FileExists(t, part+".lock", "it is the first one's")
		}
		require.NoError(t, empty(part))
		require.NoError(t, lock.Close()) // killed

		require.NoError(t, os.Remove(part))
		for _, flock := range []func(int, int) error{none, unix.Flock} {
			lock, err = claim(part, flock)
			require.NoError(t, err)
			require.NoError(t, empty(part))
			require.NoError(t, os.Remove(part)) // it got its name
			release(lock)
			require.NoFileExists(t, part+".lock")
		}
	}
}
