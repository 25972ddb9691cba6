package simtest

import (
	"fmt"
	"slices"
	"strings"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// settle brings everybody back and checks what must hold then.
func (w *rewound) settle() {
	w.engine = w.engine.WithQuotas(se.DefaultQuotas)
	w.year.calm()
	for range 12 {
		for _, p := range w.nodes {
			w.now += 60_000
			p.sync(0)
			w.confirm()
			w.do(func(c rewoundCentre) {
				for more, err := true, error(nil); more && err == nil; {
					more, err = w.engine.Tend(c)
				}
			})
		}
	}
	for _, p := range w.nodes {
		p.look()
		if w.bad == "" && (len(p.dev.outbox) > 0 || len(p.dev.captured) > 0) {
			w.wrong("liveness: %s has %d changesets in its outbox after everybody came back", p.dev.ctl.Device, len(p.dev.outbox))
		}
	}
	if w.bad == "" {
		w.must(w.store.View(w.final))
	}
}

// kept is what the centre holds, as text: a word that is in it is not lost.
type kept struct {
	history, quarantine map[string]bool
	sets                map[se.WriteID]se.Hash
	works               map[string]bool         // of those, what was done, whoever offered it
	places              map[string]bool         // of those, their person's n-th at a seq, 0 for quarantine
	where               map[string][]se.WriteID // the changesets that took effect in which a word is
	settled             map[settled]bool        // candidates that a decision dismissed
	screens             map[string]bool         // words that the supervisor had before him when he put something else in their place
	at                  map[string]se.Base      // where a word took effect
	other               map[string]bool         // words of another line of history than the screen they were replaced by
	with                map[se.RowID]se.RowID   // another row that a row was merged with, towards one for all
	deletes             map[replica.RowKey]bool // rows that somebody deleted, whatever became of it
	odd                 map[se.RowID]bool       // rows that were deleted, released or salvaged: what their sums are is another matter
}

// settled is one writer's part of a row's conflict.
type settled struct {
	row se.RowID
	id  se.WriteID
}

func (w *rewound) final(tx se.ReadTx) error {
	k := kept{
		map[string]bool{}, map[string]bool{}, map[se.WriteID]se.Hash{}, map[string]bool{}, map[string]bool{}, map[string][]se.WriteID{}, map[settled]bool{}, map[string]bool{}, map[string]se.Base{}, map[string]bool{}, map[se.RowID]se.RowID{},
		map[replica.RowKey]bool{}, map[se.RowID]bool{},
	}
	entries, err := tx.History(0, 1<<30)
	if err != nil {
		return err
	}
	for _, e := range entries {
		id := e.Changeset.ID()
		if _, twice := k.sets[id]; twice {
			w.wrong("P2: %v took effect twice", id)
		}
		k.sets[id], k.works[unnamed(e.Changeset)], k.places[nth(e.Changeset, e.Seq)] = e.Changeset.Hash(), true, true
		w.decided(tx, &e, &k)
		if e.Changeset.Salvage { // one that was not released found all its rows there and did nothing
			for _, c := range e.Changeset.Changes {
				k.odd[c.Row] = true
			}
			continue
		}
		w.wordsOf(e.Changeset, func(text string) {
			k.history[text], k.at[text] = true, se.Base{Epoch: e.Epoch, Seq: e.Seq}
			k.where[text] = append(k.where[text], id)
		})
		for _, c := range e.Changeset.Changes {
			k.odd[c.Row] = k.odd[c.Row] || c.Op == se.OpDelete
			k.deletes[replica.RowKey{Table: c.Table, Row: c.Row}] = k.deletes[replica.RowKey{Table: c.Table, Row: c.Row}] || c.Op == se.OpDelete
		}
	}
	for id, q := range w.store.Quarantine() {
		k.sets[id], k.works[unnamed(q.Changeset)], k.places[nth(q.Changeset, 0)] = q.Changeset.Hash(), true, true
		w.cameBack(tx, q)
		w.wordsOf(q.Changeset, func(text string) { k.quarantine[text] = true })
		for _, c := range q.Changeset.Changes {
			k.odd[c.Row] = true
		}
	}
	for text := range w.ledger.judged {
		if !k.history[text] && !k.quarantine[text] {
			w.wrong("INV2: %s was judged, no restore took that away, and it is nowhere%s", text, w.story(w.ledger.writes[text].key.Table+" "+string(w.ledger.writes[text].key.Row)))
		}
	}
	for _, p := range w.nodes {
		w.heldBy(tx, p, &k)
		w.shows(tx, p)
	}
	w.cells(tx, &k)
	w.sums(tx, &k)
	w.references(tx)
	return nil
}

// unnamed is a fingerprint of what a changeset does, and of when and where it was made, whoever offers it.
func unnamed(cs *se.Changeset) string {
	x := *cs
	x.Device, x.Prev = "", se.Hash{}
	return fmt.Sprintf("%+v", x)
}

func nth(cs *se.Changeset, seq int64) string { return fmt.Sprint(cs.Author, " ", cs.N, " at ", seq) }

// elsewhere tells whether a changeset is there under another name. Of one whose body its device has lost only its number,
// its author and the seq of its verdict tell.
func (k *kept) elsewhere(p *handset, n int64, v *se.Verdict) bool {
	if cs := p.dev.filed[n].cs; cs != nil && cs.Gone == (se.Hash{}) {
		return k.works[unnamed(cs)]
	}
	return (p.gone[n] || p.ended) && k.places[nth(&se.Changeset{Author: p.dev.ctl.Account, N: n}, v.Seq)]
}

// wordsOf gives every text that a changeset wrote.
func (w *rewound) wordsOf(cs *se.Changeset, fn func(string)) {
	for _, c := range cs.Changes {
		for _, x := range c.Cells {
			for _, v := range x.Values {
				if text := w.heard(c.Table, c.Row, v); text != "" {
					fn(text)
				}
			}
		}
	}
}

// heldBy checks that nothing which a living replica made is lost: each of its changesets has a verdict on that very
// changeset, and is in history or in quarantine; each word of its programs is there.
func (w *rewound) heldBy(tx se.ReadTx, p *handset, k *kept) {
	for n := int64(1); n <= p.dev.ctl.LastN; n++ {
		h, _ := p.dev.HashOf(n)
		id, v := p.judged(tx, n)
		switch {
		case v == nil:
			w.wrong("P7: %v has no verdict", id)
		case v.Hash != h:
			w.wrong("P7: the verdict on %v is about another changeset", id)
		case p.dev.filed[n].verdict.Kind != v.Kind && w.counts[silently] == 0: // else one epoch may have had two lines of history
			w.wrong("P7: the verdict on %v is %v, and its device took it for %v", id, v.Kind, p.dev.filed[n].verdict.Kind)
		case k.sets[id] == se.Hash{} && k.elsewhere(p, n, v):
			w.count("offered under two names, and took effect once")
		case k.sets[id] != h && !p.purged(n, h):
			w.wrong("INV2: %v (%v) is neither in history nor in quarantine", id, v.Kind)
		}
	}
	for _, t := range p.tokens {
		if p.declaredGone(tx, t.n) {
			w.count("another copy had declared it gone") // it lies in this one's own quarantine, with that reason
			continue
		}
		if !k.history[t.text] && !k.quarantine[t.text] && !p.gone[t.n] && !p.purgedWord(t.n) {
			f := p.dev.filed[t.n]
			w.wrong("INV2: %s wrote %s in its changeset %d, and it is nowhere: %v, body here: %v%s", p.dev.ctl.Device, t.text, t.n, f.verdict.Kind, f.cs != nil, w.story(w.ledger.writes[t.text].key.Table+" "+string(w.ledger.writes[t.text].key.Row)))
		}
	}
}

// judged gives the name under which the centre has a replica's changeset, which may be that of a device it is a copy of,
// and the verdict on it there.
func (p *handset) judged(tx se.ReadTx, n int64) (se.WriteID, *se.Verdict) {
	id := se.WriteID{Device: p.dev.ctl.Device, N: n}
	for d, _ := tx.Device(id.Device); d != nil && d.Parent != "" && n <= d.Fork; {
		id.Device = d.Parent
		d, _ = tx.Device(d.Parent)
	}
	v, _ := tx.Verdict(id.Device, n)
	return id, v
}

// declaredGone tells whether a changeset was refused since a replica that had lost its body offered it first, and this one
// has the body. It knows that from its verdict. If the epoch of that had two lines of history, it may have been accepted in the
// one, and declared gone in the other.
func (p *handset) declaredGone(tx se.ReadTx, n int64) bool {
	f := p.dev.filed[n]
	v := &f.verdict
	if p.w.doubled[v.Epoch] {
		_, v = p.judged(tx, n)
	}
	return f.cs != nil && v != nil && v.Reason != nil && v.Reason.Code == se.CodeGone
}

// shows checks that a replica holds what its view shows at the centre, and nothing else.
func (w *rewound) shows(tx se.ReadTx, p *handset) {
	person := w.people[p.dev.ctl.Device]
	for _, t := range w.schema.Tables {
		items := map[se.RowID]bool{}
		for _, id := range p.dev.ids[t.Name] {
			items[id] = true
		}
		for _, id := range w.store.RowIDs(t.Name) {
			items[id] = true
		}
		for id := range items {
			row, _ := tx.Row(t.Name, id)
			want, got := project(t, person, row, w.now), p.dev.rows[replica.RowKey{Table: t.Name, Row: id}]
			if (want == nil) != (got == nil) {
				w.wrong("P4: %s shows %s %s: %v, the centre: %v", p.dev.ctl.Device, t.Name, id, got != nil, want != nil)
				return
			}
			for i, def := range t.Cells {
				if got != nil && !def.Derived && !slices.Equal(got[i], want[i]) {
					w.wrong("P4: %s shows %v in %s %s.%s, the centre has %v", p.dev.ctl.Device, got[i], t.Name, id, def.Name, want[i])
					return
				}
			}
		}
	}
}

// story tells what was accepted for a row, for whoever reads a finding.
func (w *rewound) story(at string) string {
	var b strings.Builder
	_ = w.store.View(func(tx se.ReadTx) error {
		list, _ := tx.Restores()
		fmt.Fprintf(&b, "\n  epochs %+v", list)
		entries, _ := tx.History(0, 1<<30)
		for _, e := range entries {
			for _, c := range e.Changeset.Changes {
				if c.Table+" "+string(c.Row) != at {
					continue
				}
				fmt.Fprintf(&b, "\n  seq %d epoch %d %s#%d %v base %v at %d", e.Seq, e.Epoch, e.Changeset.Device, e.Changeset.N, c.Op, c.Base, e.At-start)
				for _, x := range c.Cells {
					fmt.Fprintf(&b, " %s=%v@%v", x.Cell, x.Values, x.Base)
				}
				fmt.Fprintf(&b, " %v", e.Outcomes)
			}
		}
		return nil
	})
	return b.String()
}

// cameBack checks that lost rows which a replica held, and handed in, wait for nobody once all of them are back.
func (w *rewound) cameBack(tx se.ReadTx, q *se.Quarantined) {
	if !q.Changeset.Salvage || q.Verdict.Reason == nil || q.Verdict.Reason.Code != se.CodeSalvage {
		return
	}
	for _, c := range q.Changeset.Changes {
		row, _ := tx.Row(c.Table, c.Row)
		if dead, _ := tx.Dead(c.Table, c.Row); row == nil && dead == nil {
			return
		}
	}
	switch {
	case !q.Closed:
		w.wrong("salvage: all rows of %s#%d are there, and it still waits for a supervisor", q.Device, q.N)
	case q.By == "":
		w.count("lost rows came back, and what was handed in of them waits no more")
	}
}
