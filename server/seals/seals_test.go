package seals_test

import (
	"math/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/internal/imports"
	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/server/seals"
)

func TestImports(t *testing.T) {
	imports.Check(t, "server/seals", "server/", "clients", "database/sql", "net", "log", "syncengine")
}

const row = "0190163d-8694-739b-aea5-966c26f8ad90"

// The keys are made once, stay over restarts, and are for their owner alone; a rotation seals anew and opens the old; a
// file that was lost and made anew does not pass for the one before.
func TestKeys(t *testing.T) {
	s, err := load.Default()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "sealing-keys.json")
	now, random := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC), rand.New(rand.NewSource(1))
	k, made, err := seals.Open(path, s, now, random)
	require.NoError(t, err)
	require.True(t, made)
	require.True(t, k.Ring().Has("resident", "id_no_sealed"))
	old, err := k.Ring().Seal("resident", "id_no_sealed", row, "x")
	require.NoError(t, err)
	hash, err := k.Ring().Match("resident", "id_no_hash", "x")
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	again, made, err := seals.Open(path, s, now.Add(time.Hour), random)
	require.NoError(t, err)
	require.False(t, made)
	require.Equal(t, k.Ring().Keys(), again.Ring().Keys())

	n, err := seals.Rotate(path, now, random) // in the very second of the first one
	require.NoError(t, err)
	require.Equal(t, 1, n)
	changed, err := k.Reload()
	require.NoError(t, err)
	require.True(t, changed)
	text, err := k.Ring().Open("resident", "id_no_sealed", row, old)
	require.NoError(t, err)
	require.Equal(t, "x", text)
	fresh, err := k.Ring().Seal("resident", "id_no_sealed", row, "x")
	require.NoError(t, err)
	require.NotEqual(t, old, fresh)
	same, err := k.Ring().Match("resident", "id_no_hash", "x")
	require.NoError(t, err)
	require.Equal(t, hash, same, "doubles are found over a rotation")

	require.NoError(t, os.WriteFile(path, []byte("{"), 0o600))
	_, err = k.Reload()
	require.ErrorContains(t, err, "restore the file from a backup")
	require.Len(t, k.Ring().Keys(), 3, "what was read before stays in use")
	require.NoError(t, os.Remove(path))
	anew, _, err := seals.Open(path, s, now.Add(time.Hour), random)
	require.NoError(t, err)
	_, err = anew.Ring().Open("resident", "id_no_sealed", row, old)
	require.Error(t, err)
	require.NoError(t, os.Chmod(path, 0o644))
	_, _, err = seals.Open(path, s, now, random)
	require.ErrorContains(t, err, "chmod 600")
}
