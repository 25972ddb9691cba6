package api

import (
	"slices"
	"time"

	"github.com/doorstep-sync/doorstep/server/directory"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// Held is what the records on a device belong to, as it was last told; or what was taken from it.
type Held struct {
	Scope string `json:"scope" doc:"Code of the org unit."`
	Name  string `json:"name,omitempty"`
	Role  string `json:"role"`
	Doors int    `json:"doors,omitempty" doc:"How many doors of the unit, for roles that look after doors."`
}

// Taken is what a device was told is not its person's any more.
type Taken struct {
	Held
	At     time.Time  `json:"at" doc:"When the device was told."`
	Purged *time.Time `json:"purged_at,omitempty" doc:"When its receipt came: nothing of it is left on the device."`
}

// reached fills in how far devices have come, from one state of the centre.
func (a *API) reached(list []Device, from []directory.Device) error {
	return a.State.View(func(tx syncengine.ReadTx) error {
		head, err := tx.Head()
		if err != nil {
			return err
		}
		for i := range list {
			v := &list[i]
			d, err := tx.Device(v.ID)
			if err != nil {
				return err
			}
			if d != nil {
				v.LastN, v.Fork = d.LastN, d.Fork
			}
			if v.Console || v.RevokedAt != nil {
				continue // takes nothing down, or nothing more
			}
			if v.Behind, err = a.behind(tx, &head, v.ID, syncengine.Base{Epoch: from[i].Epoch, Seq: from[i].Reached}); err != nil {
				return err
			}
		}
		return nil
	})
}

// behind counts the commits that a device has not taken yet: none if they did not touch what its person looks after.
func (a *API) behind(tx syncengine.ReadTx, head *syncengine.Head, device string, at syncengine.Base) (int64, error) {
	if a.Reached != nil {
		if now, connected := a.Reached(device); connected {
			at = now
		}
	}
	if at.Epoch != head.Epoch {
		at.Seq = 0
	}
	n := max(head.Seq-at.Seq, 0)
	if n == 0 || at.Seq < head.Floor {
		return n, nil
	}
	p, err := tx.Principal(device)
	if err != nil || p == nil {
		return n, err
	}
	told, err := tx.Told(device)
	if err != nil {
		return n, err
	}
	for _, g := range p.Active(a.Now().UnixMilli()) {
		if told == nil || !slices.ContainsFunc(told.Shown, func(s syncengine.Grant) bool { return s.Scope == g.Scope && s.Role == g.Role }) {
			return n, nil // what is new to it is older than its cursor, and not there yet
		}
		changed, err := tx.Changed(g.Scope, syncengine.Position{Seq: at.Seq}, 1)
		if err != nil || len(changed) > 0 {
			return n, err
		}
	}
	return 0, nil
}

// holds fills in what a device holds, and what was taken from it, as far as it was told.
func (a *API) holds(v *Device) error {
	return a.State.View(func(tx syncengine.ReadTx) error {
		told, err := tx.Told(v.ID)
		if err != nil || told == nil {
			return err
		}
		for i := range told.Shown {
			v.Holds = append(v.Holds, toHeld(&told.Shown[i]))
		}
		for i := range told.Lost {
			l := &told.Lost[i]
			v.Taken = append(v.Taken, Taken{Held: toHeld(&l.Grant), At: at(l.At), Purged: maybe(l.Purged)})
		}
		return nil
	})
}

func toHeld(g *syncengine.Grant) Held {
	return Held{Scope: g.Scope, Name: g.Name, Role: g.Role, Doors: len(g.Doors)}
}
