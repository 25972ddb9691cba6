package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The backup of another centre does not take the place of this one by mistake, also where this one's database is gone;
// its own backups go on being taken, and who means it can say so.
func TestBackupOfAnotherCentreIsRefused(t *testing.T) {
	dir := t.TempDir()
	backup := map[string]string{}
	data := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"ours", "theirs"} {
		r := start(t, data(name))
		b := r.peopled()
		require.True(t, b.push())
		require.NoError(t, b.ws.Close())
		backup[name] = filepath.Join(dir, name+".db")
		doorstepd(t, exitOK, "backup", "--data", data(name), "--to", backup[name])
		require.NoError(t, r.end())
	}
	files := func() []string {
		list, err := filepath.Glob(filepath.Join(data("ours"), "doorstep.db*"))
		require.NoError(t, err)
		return list
	}
	doorstepd(t, exitOK, "restore", backup["ours"], "--data", data("ours"))
	before := files()
	refused := func() {
		t.Helper()
		said := doorstepd(t, exitUsage, "restore", backup["theirs"], "--data", data("ours"), "--lang", "en")
		require.Contains(t, said, "is the backup of another centre")
		require.Contains(t, said, "--other-centre")
	}
	refused()
	require.Equal(t, before, files())
	require.Contains(t, doorstepd(t, exitUsage, "restore", backup["theirs"], "--data", data("ours"), "--unverified", "--lang", "zh-CN"), "另一个中心的备份")

	require.NoError(t, os.Remove(filepath.Join(data("ours"), databaseFile))) // lost: the one set aside tells
	refused()
	doorstepd(t, exitOK, "restore", backup["ours"], "--data", data("ours"))

	doorstepd(t, exitOK, "restore", backup["theirs"], "--data", data("ours"), "--other-centre")
	doorstepd(t, exitOK, "restore", backup["theirs"], "--data", filepath.Join(dir, "new"))
}
