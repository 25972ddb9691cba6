package replica

import (
	"fmt"
	"slices"
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/hlc"
)

// Leaving is what a device has to do because grants ended, or because it may not synchronise any more: drain what was
// written before it knew, remove from its files what ended, and say so.
type Leaving struct {
	N      int64        `json:"n,omitempty"`      // its last n when it was told; what it wrote up to there must have its verdict first
	Scopes []string     `json:"scopes,omitempty"` // sorted: nobody may write rows there until they are purged
	Doors  []string     `json:"doors,omitempty"`  // sorted: doors of scopes that stay, taken from the person; the same holds of their rows. See DoorOf
	State  LeavingState `json:"state,omitempty"`
	Retire bool         `json:"retire,omitempty"` // everything goes, and nothing comes any more
	Wipe   bool         `json:"wipe,omitempty"`   // with Retire: the files themselves and the key too
	For    int64        `json:"for,omitempty"`    // the Welcome.Receipt that asked for it; 0 = a Welcome that named what was lost
}

// LeavingState is how far it has come.
type LeavingState uint8

// The states, in order.
const (
	LeavingNothing LeavingState = 0
	LeavingDrain   LeavingState = 1 // draining, or purging: purging begins anew after a crash
	LeavingPurged  LeavingState = 2 // nothing is left; the centre may not know yet
	LeavingGone    LeavingState = 3 // with Wipe: the centre knows; the files go
)

// Greet takes over what a Welcome says: grants, limits, the county's clock. Frames staged for another view are
// forgotten; when a snapshot is to follow, the cursor is no longer for any view until it is in.
//
// Where it names lost grants, what was written is sealed in the same transaction: the Drain says that up to this n it
// was written before anybody here could know. From then on nobody may write in a scope that is lost (engine.md §4).
func Greet(tx Tx, s *schema.Schema, clock Clock, w *se.Welcome) (*se.Drain, error) {
	ctl, err := tx.Control()
	if err != nil {
		return nil, err
	}
	if err := known(tx, &ctl, w); err != nil {
		return nil, err
	}
	if err := reoffer(tx, &ctl, w); err != nil {
		return nil, err
	}
	if len(w.Lost) > 0 {
		// Seal reads the control row anew.
		if err := tx.PutControl(ctl); err != nil {
			return nil, err
		}
		if _, err := Seal(tx, s, clock, true); err != nil {
			return nil, fmt.Errorf("seal before grants end: %w", err)
		}
		if ctl, err = tx.Control(); err != nil {
			return nil, err
		}
	}
	h := hlc.Clock{Last: ctl.HLC}
	h.Hear(w.HLC)
	ctl.HLC, ctl.Grants, ctl.Limits = h.Last, w.Grants, w.Limits
	ctl.Minimum, ctl.Drain = w.Minimum, w.Drain
	if ctl.StagedView != "" && (ctl.StagedView != w.View || ctl.StagedReset != w.Reset || w.Outdates(ctl.StagedAt)) {
		if err := forget(tx, &ctl); err != nil {
			return nil, err
		}
	}
	if w.Reset {
		ctl.View = ""
	}
	ctl.leave(w)
	ctl.Lease = ctl.Lease.renew(w, clock)
	if err := tx.PutControl(ctl); err != nil || len(w.Lost) == 0 {
		return nil, err
	}
	return &se.Drain{View: w.View, N: ctl.LastN}, nil
}

// leave notes what a Welcome takes away, gives back, or says to be done.
func (c *Control) leave(w *se.Welcome) {
	l := &c.Leaving
	switch {
	case len(w.Lost) > 0:
		scopes, doors := slices.Clone(l.Scopes), slices.Clone(l.Doors)
		for _, g := range w.Lost {
			scopes = append(scopes, g.Scope)
			for _, d := range g.Doors {
				doors = append(doors, lostDoor(g.Scope, d))
			}
		}
		*l = Leaving{N: c.LastN, Scopes: scopes, Doors: doors, State: LeavingDrain}
	case w.Receipt != 0 && w.Receipt != l.For && (l.State == LeavingNothing || l.State == LeavingPurged):
		// Told without having heard it: the answer was lost, and the centre went on without it. A receipt that is here may
		// be for something earlier.
		*l = Leaving{N: c.LastN, State: LeavingDrain, For: w.Receipt}
	case w.Receipt == 0 && l.State == LeavingPurged:
		*l = Leaving{}
	}
	l.Scopes = without(l.Scopes, func(s string) bool {
		return slices.ContainsFunc(w.Grants, func(g se.Grant) bool { return g.Scope == s })
	})
	l.Doors = without(l.Doors, func(x string) bool {
		scope, door := lostScope(x), DoorOf(x)
		return slices.ContainsFunc(w.Grants, func(g se.Grant) bool {
			return slices.Contains(g.Doors, door) || g.Scope == scope && len(g.Doors) == 0
		})
	})
}

// without gives a list sorted, each once, without what is back. The list stays as it is: a transaction may be rolled back.
func without(list []string, back func(string) bool) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.DeleteFunc(slices.Compact(list), back)
}

// A lost door is kept with the scope that it was lost in: who gets all of that has it back.
func lostDoor(scope, door string) string { return scope + "/" + door }

func lostScope(lost string) string { return lost[:strings.LastIndexByte(lost, '/')] }

// DoorOf gives the id of a door of Leaving.Doors.
func DoorOf(lost string) string { return lost[strings.LastIndexByte(lost, '/')+1:] }

// RetireReplica seals what was written and gives up every grant: what is left to do is to drain and to purge.
func RetireReplica(tx Tx, s *schema.Schema, clock Clock, r se.Retire) error {
	if _, err := Seal(tx, s, clock, true); err != nil {
		return fmt.Errorf("seal before retiring: %w", err)
	}
	ctl, err := tx.Control()
	if err != nil {
		return err
	}
	if ctl.Leaving.Retire && (ctl.Leaving.Wipe || !r.Wipe) {
		return nil // it is at it
	}
	if err := forget(tx, &ctl); err != nil {
		return err
	}
	ctl.Leaving = Leaving{N: ctl.LastN, State: LeavingDrain, Retire: true, Wipe: r.Wipe}
	ctl.Grants, ctl.Live, ctl.View = nil, nil, ""
	return tx.PutControl(ctl)
}
