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
	var put []lain
	err := c.MemCentre.Update(func(tx se.Tx) error {
		put = nil
		return fn(&lainTx{tx, &put})
	})
	if err == nil {
		for _, l := range put {
			if !slices.Contains(c.lain[l.key], l) {
				c.lain[l.key] = append(c.lain[l.key], l)
			}
		}
	}
	return err
}

type lainTx struct {
	se.Tx
	put *[]lain
}

func (t *lainTx) Savepoint(fn func() error) error {
	before := len(*t.put)
	err := t.Tx.Savepoint(fn)
	if err != nil {
		*t.put = (*t.put)[:before]
	}
	return err
}

func (t *lainTx) PutRow(r *se.Row) error {
	*t.put = append(*t.put, lain{replica.RowKey{Table: r.Table, Row: r.ID}, r.Scope, r.Door, r.Author})
	return t.Tx.PutRow(r)
}

// framed checks what the centre sends to a device: it is of a scope in which the person has a grant now, of the view that the
// device was durably told of, and its rows are, or were, where he may see them. To which place a row that has moved belongs
// at this cursor is left to the fleets.
func (w *rewound) framed(p *handset, out []session.Message) {
	id := p.dev.ctl.Device
	grants := activeAt(w.people[id].Grants, w.now)
	for _, m := range out {
		d, ok := m.(*session.Delta)
		if !ok {
			continue
		}
		if d.Scope != "" && !slices.ContainsFunc(grants, func(g se.Grant) bool { return g.Scope == d.Scope }) {
			w.wrong("P8: %s is sent rows of scope %s, in which its person has no grant", id, d.Scope)
		}
		_ = w.store.View(func(tx se.ReadTx) error {
			if told, err := tx.Told(id); err != nil || told == nil || told.View != d.View {
				w.wrong("P8: %s is sent a frame of view %s before it was durably told of it: %+v %v", id, d.View, told, err)
			}
			return nil
		})
		for i := range d.Items {
			item := &d.Items[i]
			if len(item.Cells) == 0 {
				continue // it leaves
			}
			w.count("row sent, and where its person may see it")
			if !w.everSeen(w.people[id], replica.RowKey{Table: item.Table, Row: item.Row}) {
				w.wrong("P8: %s is sent %s %s, which never lay where its person may see it", id, item.Table, item.Row)
			}
		}
	}
}

// everSeen tells whether a row ever lay where somebody may see it now.
func (w *rewound) everSeen(who *se.Principal, key replica.RowKey) bool {
	for _, l := range w.lain[key] {
		if shows(w.schema.Table(key.Table), who.Account, activeAt(who.Grants, w.now), &se.Row{Scope: l.scope, Door: l.door, Author: l.author}) {
			return true
		}
	}
	return false
}
