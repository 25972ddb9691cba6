//go:build prove

package kill

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/doorstep-sync/doorstep/scripts/prove/overlay"
)

// most is how many kills at its place may miss a bug.
const most = 5

// TestKillIsSeen plants bugs that only a kill brings to light, most of them at one place: TestKill is worth something if
// it finds them.
func TestKillIsSeen(t *testing.T) {
	for _, bug := range []struct {
		name, place string
		edits       []overlay.Edit
	}{
		{"rows are committed before their verdict", "centre: between rows and verdict", []overlay.Edit{{
			File: "server/store/records.go", From: "func (t *tx) PutVerdict(device string, v syncengine.Verdict) error {",
			To: `func (t *tx) PutVerdict(device string, v syncengine.Verdict) error {
	if err := t.exec("COMMIT"); err != nil {
		return err
	}
	if err := t.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}`,
		}}},
		{"what was committed is applied again", "centre: after commit", []overlay.Edit{
			{File: "syncengine/ingest.go", From: "case cs.N <= dev.LastN:", To: "case cs.N < 0:"},
			{File: "syncengine/ingest.go", From: "case cs.Prev != dev.Hash:", To: "case cs.Prev != dev.Hash && cs.N > dev.LastN:"},
		}},
		{"the cursor is saved before the rows", "phone: a step is staged, nothing of it shows", []overlay.Edit{{
			File: "syncengine/replica/apply.go", From: "	return true, apply(tx, s, d)", To: `	early, err := tx.Control()
	if err != nil {
		return false, err
	}
	early.Epoch, early.Cursor = d.To.Epoch, d.To.Seq
	if err := tx.PutControl(early); err != nil {
		return false, err
	}
	if x, ok := tx.(interface{ Early() error }); ok {
		if err := x.Early(); err != nil {
			return false, err
		}
	}
	return true, apply(tx, s, d)`,
		}, early}},
		{"a step shows row by row", "phone: some rows of a step show", []overlay.Edit{{
			File: "clients/device/rows.go", From: "	return nil\n}\n\n// DeleteRow takes", To: `	if err := p.Early(); err != nil {
		return err
	}
` + "	return nil\n}\n\n// DeleteRow takes",
		}, early}},
		{"a verdict is filed apart from its outbox", "phone: a verdict is filed, its changeset in the outbox", []overlay.Edit{{
			File: "clients/device/sealed.go", From: "	return p.exec(`DELETE FROM ds_outbox WHERE n = ?`, v.N)", To: `	if err := p.Early(); err != nil {
		return err
	}
` + "	return p.exec(`DELETE FROM ds_outbox WHERE n = ?`, v.N)",
		}, early}},
		{"a file is taken away before the new one has its name", "centre, opening: a file is flushed, not renamed", []overlay.Edit{{
			File: "internal/durable/durable.go", From: "		err = os.Rename(f.Name(), path)", To: `		_ = os.Remove(path)
		err = os.Rename(f.Name(), path)`,
		}}},
		{"what a killed backup left hinders the next", "backup: copied, not flushed", []overlay.Edit{{
			File: "server/store/backup.go", From: "	f, err := os.OpenFile(part, os.O_CREATE|os.O_RDWR, 0o600)",
			To: "	f, err := os.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)",
		}}},
		{"a step shows before the others' rows are gone", "phone, a grant given: others gone, a snapshot's rows not shown", []overlay.Edit{{
			File: "syncengine/replica/apply.go", From: "	if done.Reset {\n		if err := a.dropOthers(); err != nil {", To: `	if done.Reset {
		if x, ok := tx.(interface{ Early() error }); ok {
			for _, x := range a.order {
				if err := show(tx, x.table, x.row, x.image); err != nil {
					return err
				}
				break
			}
			if err := x.Early(); err != nil {
				return err
			}
		}
		if err := a.dropOthers(); err != nil {`,
		}, early}},
	} {
		t.Run(bug.name, func(t *testing.T) {
			built := build(t, bug.edits...)
			random := rand.New(rand.NewPCG(seed, 2))
			for i := range most {
				plan := at(named(t, bug.place))
				f := assemble(t, random, built, leastPhones, plan.moves())
				f.patience = 5 * time.Second
				_, faults := f.trial(enough, plan)
				if faults.Ok() {
					faults, _ = f.settle()
				}
				f.dismiss()
				if !faults.Ok() {
					t.Logf("seen in trial %d: %s", i+1, &faults)
					return
				}
			}
			t.Errorf("%d kills, and the bug was not seen", most)
		})
	}
}

// early makes a replica's transaction end and another one begin, in the middle of what is to be one.
var early = overlay.Edit{
	File: "clients/device/transact.go", From: "func (p *port) exec(query string, args ...any) error {", To: `// Early is a planted bug's.
func (p *port) Early() error {
	if err := p.exec("UPDATE ds_control SET applying = 0"); err != nil {
		return err
	}
	if err := p.exec("COMMIT"); err != nil {
		return err
	}
	if err := p.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	return p.exec("UPDATE ds_control SET applying = 1")
}

func (p *port) exec(query string, args ...any) error {`,
}
