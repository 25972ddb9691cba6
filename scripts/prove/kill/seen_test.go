//go:build prove

package kill

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/doorstep-sync/doorstep/scripts/prove/overlay"
)

// TestKillIsSeen plants bugs in the centre that only a kill brings to light: TestKill is worth something if it finds
// them.
func TestKillIsSeen(t *testing.T) {
	for _, bug := range []struct {
		name, place string
		edits       []overlay.Edit
	}{
		{"rows are committed before their verdict", "between rows and verdict", []overlay.Edit{{
			File: "server/store/records.go", From: "func (t *tx) PutVerdict(device string, v syncengine.Verdict) error {",
			To: `func (t *tx) PutVerdict(device string, v syncengine.Verdict) error {
	if err := t.exec("COMMIT"); err != nil {
		return err
	}
	if err := t.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}`,
		}}},
		{"what was committed is applied again", "after commit", []overlay.Edit{
			{File: "syncengine/ingest.go", From: "case cs.N <= dev.LastN:", To: "case cs.N < 0:"},
			{File: "syncengine/ingest.go", From: "case cs.Prev != dev.Hash:", To: "case cs.Prev != dev.Hash && cs.N > dev.LastN:"},
		}},
	} {
		t.Run(bug.name, func(t *testing.T) {
			built := build(t, bug.edits...)
			random := rand.New(rand.NewPCG(seed, 2))
			for i := range 5 {
				f := assemble(t, random, built)
				t.Cleanup(f.dismiss)
				f.patience = 5 * time.Second
				_, faults, _ := f.trial(enough, func() plan { return plan{[]victim{f.theCentre()}, bug.place} })
				f.dismiss()
				if !faults.Ok() {
					t.Logf("seen in trial %d: %s", i+1, &faults)
					return
				}
			}
			t.Error("five kills, and the bug was not seen")
		})
	}
}
