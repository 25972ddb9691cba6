package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/storetest"
)

// crashFile names the file that a child process of TestKill writes to until it is killed.
const crashFile = "DOORSTEP_STORE_CRASH_FILE"

func TestMain(m *testing.M) {
	if path := os.Getenv(crashFile); path != "" {
		fmt.Fprintln(os.Stderr, writeUntilKilled(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func crashRow(table string, seq int64) syncengine.RowID {
	return syncengine.RowID(fmt.Sprintf("%s-%d", table, seq))
}

// writeUntilKilled commits seq after seq, each with parts in several tables, and says each seq once it is durable.
func writeUntilKilled(path string) error {
	s, err := Open(path, storetest.Schema())
	if err != nil {
		return err
	}
	for {
		var seq int64
		if err := s.Update(func(tx syncengine.Tx) error {
			h, err := tx.Head()
			if err != nil {
				return err
			}
			h.Seq++
			seq = h.Seq
			row, other := placeRow(crashRow("place", seq), seq), placeRow("the one that all write", seq)
			return errors.Join(
				tx.Savepoint(func() error { return errors.Join(tx.PutRow(row), tx.PutRow(other)) }),
				tx.PutVerdict("dev", syncengine.Verdict{N: seq, Kind: syncengine.Accepted, Seq: seq}),
				tx.AppendHistory(syncengine.Entry{Seq: seq, Epoch: 1, Changeset: &syncengine.Changeset{Device: "dev", N: seq}}),
				tx.PutHead(h))
		}); err != nil {
			return err
		}
		if _, err := fmt.Println(seq); err != nil {
			return err
		}
	}
}

// TestKill kills a writing process 60 times at random points. What it said is there, whole; what it did not say is
// there whole or not at all. It cannot see a missing fsync: that is TestDurable, and the power cuts of scripts/prove.sh.
func TestKill(t *testing.T) {
	const kills = 60
	path := filepath.Join(t.TempDir(), "s.db")
	random := rand.New(rand.NewPCG(1, 2))
	var acked int64
	for range kills {
		acked = killAfter(t, path, 1+random.IntN(12))
		s, err := Open(path, storetest.Schema())
		require.NoError(t, err)
		checkWhole(t, s, acked)
		require.NoError(t, s.Close())
	}
	t.Logf("%d kills, %d acknowledged commits", kills, acked)
}

// killAfter lets a child acknowledge n commits, kills it, and gives the last one that it acknowledged.
func killAfter(t *testing.T, path string, n int) (acked int64) {
	t.Helper()
	ctx, end := context.WithTimeout(t.Context(), time.Minute)
	defer end()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), crashFile+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	i := 0
	for ; lines.Scan(); i++ {
		acked, err = strconv.ParseInt(lines.Text(), 10, 64)
		require.NoError(t, err)
		if i+1 == n {
			require.NoError(t, cmd.Process.Kill()) // what it still says before it dies is read too
		}
	}
	require.Error(t, cmd.Wait(), "it was killed")
	require.GreaterOrEqual(t, i, n, "a minute was not enough for what it was to acknowledge")
	require.Positive(t, acked)
	return acked
}

// checkWhole: the head is at or behind by nothing what was acknowledged, and every seq up to it is whole.
func checkWhole(t *testing.T, s *Store, acked int64) {
	t.Helper()
	require.NoError(t, s.View(func(tx syncengine.ReadTx) error {
		h, err := tx.Head()
		require.NoError(t, err)
		require.GreaterOrEqual(t, h.Seq, acked, "acknowledged and lost")
		require.LessOrEqual(t, h.Seq, acked+1, "only one was in flight")
		log, err := tx.History(0, 1<<30)
		require.NoError(t, err)
		require.Len(t, log, int(h.Seq))
		items, err := tx.Changed("g1", syncengine.Position{}, 1<<30)
		require.NoError(t, err)
		require.Len(t, items, int(h.Seq)+1)
		for seq := int64(1); seq <= h.Seq; seq++ {
			r, err := tx.Row("place", crashRow("place", seq))
			require.NoError(t, err)
			require.NotNil(t, r, "torn at seq %d", seq)
			v, err := tx.Verdict("dev", seq)
			require.NoError(t, err)
			require.NotNil(t, v, "torn at seq %d", seq)
		}
		last, err := tx.Row("place", "the one that all write")
		require.NoError(t, err)
		require.Equal(t, h.Seq, last.Seq)
		next, err := tx.Row("place", crashRow("place", h.Seq+1))
		require.NoError(t, err)
		require.Nil(t, next, "part of a commit that is not there")
		return nil
	}))
	var ok string
	require.NoError(t, s.Reader().QueryRow("PRAGMA integrity_check").Scan(&ok))
	require.Equal(t, "ok", ok)
}
