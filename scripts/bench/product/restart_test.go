package product

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/prove/crowd"
)

// Of the history that the centre is started with.
const (
	history   = 1_000_000 // changes
	perGrid   = 20_000
	contested = 200 // records of each grid about which a conflict is open
	busy      = 30  // changesets before each kill: they lie in the write-ahead log that the next start finds
)

// BenchmarkRestart kills a centre with a million changes in its history, and measures from its start until the first verdict: opening
// of the database, handshake, commit. The history is made once and kept in the user's folder for caches.
func BenchmarkRestart(b *testing.B) {
	dir, writer := grown(b, history)
	c := &county{t: b, dir: dir}
	c.centre = startCentre(b, filepath.Join(dir, "centre"))
	require.NoError(b, writer.Sign(b.Context(), c.url))
	w, err := outside.Writer(b.Context(), c.url, writer, 0xfff)
	require.NoError(b, err)
	defer w.Close()
	for b.Loop() {
		b.StopTimer()
		for range busy {
			require.NoError(b, w.Offer())
		}
		acked := w.N
		c.Kill()
		b.StartTimer()
		c.centre = startCentre(b, filepath.Join(dir, "centre"))
		require.NoError(b, w.Again(b.Context(), c.url))
		require.GreaterOrEqual(b, w.N, acked, "a changeset that had its verdict is gone")
		require.NoError(b, w.Offer())
	}
}

const marker = "grown.json"

// grown is a folder whose centre has so many changes in its history, and somebody with a grid of his own. It is made if it is not
// there yet.
func grown(t testing.TB, changes int) (dir string, writer crowd.Member) {
	t.Helper()
	dir = grownAt(t, changes)
	text, err := os.ReadFile(filepath.Join(dir, marker))
	if err == nil {
		require.NoError(t, json.Unmarshal(text, &writer))
		return dir, writer
	}
	require.True(t, errors.Is(err, fs.ErrNotExist), err)
	require.NoError(t, os.RemoveAll(dir))
	require.NoError(t, os.MkdirAll(dir, 0o700))
	writer = grow(t, filepath.Join(dir, "centre"), changes)
	text, err = json.Marshal(writer)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, marker), text, 0o600))
	return dir, writer
}

func grownAt(t testing.TB, changes int) string {
	t.Helper()
	caches, err := os.UserCacheDir()
	require.NoError(t, err)
	return filepath.Join(caches, "doorstep-bench", fmt.Sprint("history-", changes))
}

func isGrown(t testing.TB, changes int) bool {
	t.Helper()
	_, err := os.Stat(filepath.Join(grownAt(t, changes), marker))
	require.True(t, err == nil || errors.Is(err, fs.ErrNotExist), err)
	return err == nil
}

func grow(t testing.TB, folder string, changes int) (writer crowd.Member) {
	t.Helper()
	ctx := context.Background()
	x, err := crowd.Open(folder, outside)
	require.NoError(t, err)
	defer x.Close()
	grids := (changes + perGrid - 1) / perGrid
	require.NoError(t, x.Units(ctx, grids+1))
	for g := range grids {
		clerk, err := x.Member(ctx, fmt.Sprint("clerk", g), crowd.Grid(g))
		require.NoError(t, err)
		require.NoError(t, x.Fill(ctx, clerk, g, min(perGrid, changes-g*perGrid)))
		other, err := x.Member(ctx, fmt.Sprint("other", g), crowd.Grid(g))
		require.NoError(t, err)
		require.NoError(t, x.Contest(ctx, other, g, contested))
	}
	writer, err = x.Member(ctx, "writer", crowd.Grid(grids))
	require.NoError(t, err)
	return writer
}
