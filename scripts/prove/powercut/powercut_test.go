//go:build prove

package powercut

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/prove/figures"
	"github.com/doorstep-sync/doorstep/scripts/prove/overlay"
)

// TestPowerCut cuts the power of a centre that commits changesets of many devices, and of a device that writes, files
// verdicts and applies deltas. Both work on the disk that is cut.
func TestPowerCut(t *testing.T) {
	writer := buildWriter(t)
	for seed := range uint64(2) { // two disks at once: most of a trial is waiting
		t.Run(fmt.Sprintf("disk %d", seed+1), func(t *testing.T) {
			t.Parallel()
			const cuts = 100
			faults := 0
			for _, n := range series(t, writer, cuts, seed+1) {
				require.Positive(t, n.acknowledged)
				for i := range n.perCut {
					if f := &n.perCut[i]; !f.Ok() {
						t.Errorf("cut %d: %s", i+1, f)
						faults += len(f.Lost) + len(f.Torn) + len(f.Other)
					}
				}
			}
			figures.Of(t, figures.Cuts, cuts)
			figures.Of(t, figures.Lost, faults)
		})
	}
}

// TestWithoutFlushes shows that TestPowerCut sees what a missing flush does, on either side.
func TestWithoutFlushes(t *testing.T) {
	for number, setting := range []string{"OFF", "NORMAL"} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			writer := buildWriter(t, slices.Concat(storeWith(setting, number), replicaWith(setting, number))...)
			for _, n := range series(t, writer, 10, 3) {
				lost, _, _, _ := n.sums()
				figures.Of(t, figures.CutsSeen, min(lost, 1))
				require.Positive(t, lost, "this setting loses acknowledged changesets at a power cut, and the proof did not see it")
			}
		})
	}
}

// buildWriter builds the writer, with the edits laid over the sources: product code has no switch for them.
func buildWriter(t testing.TB, edits ...overlay.Edit) string {
	t.Helper()
	writer := filepath.Join(t.TempDir(), "writer")
	require.NoError(t, overlay.Build("./scripts/prove/writer", writer, edits...))
	return writer
}
