package device_test

import (
	"math/rand"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	se "github.com/doorstep-sync/doorstep/syncengine"
)

// TestRecoveredGoesOn: a file rots, its person recovers it, and goes on as the same device. Every changeset that he ever
// sealed is accounted for at the centre: what could be read took effect or was refused, unaltered; what could not is known to be
// gone; together they are all. Nothing holds up what he writes afterwards, and another replica shows the same.
//
// It is a test over files rather than a fault of simulated worlds: what a carved page gives is told by bytes, and a
// replica in memory has none. The worlds have what comes of it: journals with holes (sim -rewound).
func TestRecoveredGoesOn(t *testing.T) {
	worlds, lost, again, untold := 4, 0, 0, 0
	for i := range worlds {
		c := newCounty(t)
		base, outbox := laden(t, c, i%3 == 0)
		pristine, err := os.ReadFile(base)
		require.NoError(t, err)
		wal, _ := os.ReadFile(base + "-wal")
		path, got := rotten(t, rand.New(rand.NewSource(int64(100+i))), pristine, wal)

		a := reopened(t, path)
		synced(t, a, c) // rows come with the first conversation
		household(t, a)
		household(t, a)
		synced(t, a, c)
		s, err := a.Status(bg)
		require.NoError(t, err)
		require.Zero(t, s.Outbox)
		read := map[int64]bool{}
		for _, cs := range got {
			read[cs.N] = !cs.Hole()
		}
		require.NoError(t, c.store.View(func(tx se.ReadTx) error {
			dev, err := tx.Device(deviceA)
			require.NoError(t, err)
			known := got[len(got)-1].N // what rotted at the end of the chain, with the record of how long it was, left no trace
			require.Equal(t, known+2, dev.LastN, "world %d", i)
			for _, cs := range outbox {
				if cs.N > known {
					untold++
					continue
				}
				v, err := tx.Verdict(deviceA, cs.N)
				require.NoError(t, err)
				require.NotNil(t, v, "world %d: nobody knows what became of %d", i, cs.N)
				gone := v.Reason != nil && v.Reason.Code == se.CodeGone
				require.Equal(t, !read[cs.N], gone, "world %d: %d was read: %v, and its verdict is %v", i, cs.N, read[cs.N], v.Kind)
				if gone {
					lost++
				} else {
					again++
					require.Equal(t, cs.Hash(), v.Hash, "world %d: the verdict on %d is on what was written", i, cs.N)
					require.True(t, v.Kind.Effective(), "%+v", v.Reason)
				}
			}
			return nil
		}))
		b := c.device(t, filepath.Join(t.TempDir(), "b.db"), deviceB)
		synced(t, b, c)
		require.Equal(t, dump(t, b), dump(t, a))
	}
	require.Equal(t, 40*worlds, lost+again+untold)
	require.Positive(t, again)
	t.Logf("%d changesets: %d read from what was left, %d known to be gone, %d without a trace", 40*worlds, again, lost, untold)
}

// rotten damages a file until it is refused, has it recovered, and gives what was unsent in it.
func rotten(t *testing.T, r *rand.Rand, file, wal []byte) (path string, unsent []*se.Changeset) {
	t.Helper()
	for {
		b := append([]byte{}, file...)
		for range 1 + r.Intn(4) {
			hurt(r, b)
		}
		path = filepath.Join(quick(t), "a.db")
		require.NoError(t, os.WriteFile(path, b, 0o600))
		if len(wal) > 0 {
			require.NoError(t, os.WriteFile(path+"-wal", wal, 0o600))
		}
		if got, refused := recoveredOutbox(t, path); refused && got != nil {
			return path, got
		}
	}
}
