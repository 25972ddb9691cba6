package simtest

import (
	"slices"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// rewoundCentre is the store of a rewound world, which remembers where each row ever lay, also what a restore took away.
type rewoundCentre struct {
	MemCentre
	lain map[replica.RowKey][]lain
}

func newRewoundCentre(w *rewound) rewoundCentre { return rewoundCentre{NewMemCentre(w.schema), w.lain} }

// Update implements se.Store.
func (c rewoundCentre) Update(fn func(se.Tx) error) error {
	return watched{Centre: c.MemCentre, heard: func(r *record) {
		for _, l := range r.lain {
			if !slices.Contains(c.lain[l.key], l) {
				c.lain[l.key] = append(c.lain[l.key], l)
			}
		}
	}}.Update(fn)
}

// framed checks what the centre sends to a device as fleets do, and that its rows lie, or lay, where the person may see them.
// To which place a row that has moved belongs at this cursor is left to the fleets.
func (w *rewound) framed(p *handset, out []session.Message) {
	who := w.people[p.dev.ctl.Device]
	for _, m := range out {
		d, ok := m.(*session.Delta)
		if !ok {
			continue
		}
		_ = w.store.View(func(tx se.ReadTx) error {
			if why := forbidden(tx, who, &d.Delta, w.now); why != "" {
				w.wrong("P8: %s is sent %s", who.Device, why)
			}
			return nil
		})
		for i := range d.Items {
			item := &d.Items[i]
			if len(item.Cells) == 0 {
				continue // it leaves
			}
			w.count("row sent, and where its person may see it")
			if !w.everSeen(who, replica.RowKey{Table: item.Table, Row: item.Row}) {
				w.wrong("P8: %s is sent %s %s, which never lay where its person may see it", who.Device, item.Table, item.Row)
			}
		}
	}
}

// everSeen tells whether a row ever lay where somebody may see it now.
func (w *rewound) everSeen(who *se.Principal, key replica.RowKey) bool {
	t, grants := w.schema.Table(key.Table), activeAt(who.Grants, w.now)
	return slices.ContainsFunc(w.lain[key], func(l lain) bool {
		return shows(t, who.Account, grants, &se.Row{Scope: l.scope, Door: l.door, Author: l.author})
	})
}
