package simtest

import (
	"errors"
	"reflect"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
	"github.com/doorstep-sync/doorstep/syncengine/session"
)

// greet lets a device in as a centre does: what it is about to be told is on record before.
func (w *rewound) greet(h se.Hello) (welcome *se.Welcome, err error) {
	now := w.now
	told := func() (t *se.Told) {
		_ = w.store.View(func(tx se.ReadTx) (err error) { t, err = tx.Told(h.Device); return err })
		return t
	}
	before := told()
	welcome, err = w.engine.Open(w.store, h, now)
	if !reflect.DeepEqual(before, told()) {
		w.log = append(w.log, func(c rewoundCentre) { _, _ = w.engine.Open(c, h, now) })
	}
	return welcome, err
}

// tells records what a device answered about what ended.
func (w *rewound) tells(cen *session.Centre, e *session.Tell) []session.Effect {
	var at int64
	var err error
	now := w.now
	w.do(func(c rewoundCentre) { at, err = w.engine.Record(c, e.Tell, now) })
	w.must(err)
	if e.Tell.Purged {
		w.count("rewound: receipt of a purge")
	} else {
		w.count("rewound: told of an end")
	}
	return cen.Recorded(e.Tell, at, "", "rewound", w.now)
}

// promised notes that a changeset was judged: from then on the centre answers for every word in it, whoever made it, until a
// restore takes the commit away.
func (w *rewound) promised(cs *se.Changeset, v *se.Verdict) {
	if cs.Salvage || cs.Hole() || v.Reason != nil && v.Reason.Code == se.CodeGone {
		return // of the last another copy said that it is lost; this one keeps it itself, with that reason
	}
	w.wordsOf(cs, func(text string) {
		if w.ledger.writes[text] != nil {
			w.ledger.judged[text] = len(w.log)
		}
	})
}

// forget takes back what was promised by what a restore took away.
func (l *ledger) forget(back int) {
	for text, at := range l.judged {
		if at > back {
			delete(l.judged, text)
		}
	}
}

// handedIn gives every changeset that the centre holds.
func (w *rewound) handedIn() map[se.Hash]bool {
	out := map[se.Hash]bool{}
	_ = w.store.View(func(tx se.ReadTx) error {
		list, err := tx.History(0, 1<<30)
		for i := range list {
			out[list[i].Changeset.Hash()] = true
		}
		return err
	})
	for _, q := range w.store.Quarantine() {
		out[q.Changeset.Hash()] = true
	}
	return out
}

// refused tells whether a phone may refuse what its person wants to write: his work there has ended, or he works in none of
// the scopes that the rows are in, as far as the phone knows.
func (p *handset) refused(x *Transaction, err error) bool {
	switch {
	case errors.Is(err, errEnded):
		p.w.count("rewound: refused before it was saved, since it has ended")
		return true
	case !errors.Is(err, ErrNoRight):
		return false
	}
	for _, st := range x.Statements {
		at := []schema.Value{}
		if row := p.dev.rows[replica.RowKey{Table: st.Table, Row: st.Row}]; row != nil {
			at = append(at, value(p.w.schema.Table(st.Table), row, schema.ColScope))
		}
		for _, a := range st.Set {
			if a.Column == schema.ColScope {
				at = append(at, a.Value)
			}
		}
		for _, scope := range at {
			if !slices.ContainsFunc(p.dev.ctl.Grants, func(g se.Grant) bool { return g.Scope == scope.Str() }) {
				p.w.count("rewound: refused before it was saved, for want of a right")
				return true
			}
		}
	}
	return false
}
