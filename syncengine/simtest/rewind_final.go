package simtest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// settle brings everybody back and checks what must hold then.
func (w *rewound) settle() {
	for range 12 {
		for _, p := range w.nodes {
			w.now += 60_000
			p.sync(0)
			w.confirm()
			w.do(func(c MemCentre) {
				for more, err := true, error(nil); more && err == nil; {
					more, err = w.engine.Tend(c)
				}
			})
		}
	}
	for _, p := range w.nodes {
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
}

func (w *rewound) final(tx se.ReadTx) error {
	k := kept{map[string]bool{}, map[string]bool{}, map[se.WriteID]se.Hash{}}
	entries, err := tx.History(0, 1<<30)
	if err != nil {
		return err
	}
	for _, e := range entries {
		id := e.Changeset.ID()
		if _, twice := k.sets[id]; twice {
			w.wrong("P2: %v took effect twice", id)
		}
		k.sets[id] = e.Changeset.Hash()
		if !e.Changeset.Salvage { // one that is in history found all its rows there and did nothing
			wordsOf(e.Changeset, k.history)
		}
	}
	for id, q := range w.store.Quarantine() {
		k.sets[id] = q.Changeset.Hash()
		wordsOf(q.Changeset, k.quarantine)
	}
	for _, p := range w.nodes {
		w.heldBy(tx, p, &k)
		w.shows(tx, p)
	}
	w.cells(tx, &k)
	return nil
}

// wordsOf notes every text that a changeset wrote.
func wordsOf(cs *se.Changeset, out map[string]bool) {
	for _, c := range cs.Changes {
		for _, w := range c.Cells {
			for _, v := range w.Values {
				if v.Kind() == schema.KindText {
					out[v.Str()] = true
				}
			}
		}
	}
}

// heldBy checks that nothing which a living replica made is lost: each of its changesets has a verdict on that very
// changeset, and is in history or in quarantine; each word of its programs is there.
func (w *rewound) heldBy(tx se.ReadTx, p *handset, k *kept) {
	dev, _ := tx.Device(p.dev.ctl.Device)
	for n := int64(1); n <= p.dev.ctl.LastN; n++ {
		h, _ := p.dev.HashOf(n)
		id := se.WriteID{Device: p.dev.ctl.Device, N: n}
		for d := dev; d != nil && d.Parent != "" && n <= d.Fork; {
			id.Device = d.Parent
			d, _ = tx.Device(d.Parent)
		}
		v, _ := tx.Verdict(id.Device, n)
		switch {
		case v == nil:
			w.wrong("P7: %v has no verdict", id)
		case v.Hash != h:
			w.wrong("P7: the verdict on %v is about another changeset", id)
		case k.sets[id] != h:
			w.wrong("INV2: %v (%v) is neither in history nor in quarantine", id, v.Kind)
		}
	}
	for _, t := range p.tokens {
		if f := p.dev.filed[t.n]; f.cs != nil && f.verdict.Reason != nil && f.verdict.Reason.Code == se.CodeGone {
			w.count("another copy had declared it gone") // it lies in this one's own quarantine, with that reason
			continue
		}
		if !k.history[t.text] && !k.quarantine[t.text] && !p.gone[t.n] {
			f := p.dev.filed[t.n]
			w.wrong("INV2: %s wrote %s in its changeset %d, and it is nowhere: %v, body here: %v%s", p.dev.ctl.Device, t.text, t.n, f.verdict.Kind, f.cs != nil, w.story(w.ledger.writes[t.text].key.Table+" "+string(w.ledger.writes[t.text].key.Row)))
		}
	}
}

// shows checks that a replica holds what its view shows at the centre, and nothing else.
func (w *rewound) shows(tx se.ReadTx, p *handset) {
	person := &se.Principal{Account: p.dev.ctl.Account, Grants: []se.Grant{{Scope: "A", Role: roleWorker}}}
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

// cells checks reviewed cells: of what was accepted each write stands, waits, or was replaced by one whose author had it
// before him; and what stands was not seen by another that survived. In a world without restores nothing that was seen waits.
func (w *rewound) cells(tx se.ReadTx, k *kept) {
	by := map[string][]string{}
	for text, e := range w.ledger.writes {
		if k.history[text] {
			at := e.key.Table + " " + string(e.key.Row)
			by[at] = append(by[at], text)
		}
	}
	for at, texts := range by {
		slices.Sort(texts)
		table, id, _ := strings.Cut(at, " ")
		t := w.schema.Table(table)
		alive := map[string]string{}
		row, _ := tx.Row(table, se.RowID(id))
		if row != nil {
			for _, s := range row.Cells[t.CellIndex(reviewed[table])].Survivors {
				alive[s.Values[0].Str()] = "waits"
				if s.Stands() {
					alive[s.Values[0].Str()] = "stands"
				}
			}
		} else if con, _ := tx.OpenConflict(se.ConflictKey{Kind: se.ConflictDelete, Table: table, Row: se.RowID(id)}); con != nil {
			for _, x := range con.Candidates {
				if len(x.Cell.Values) > 0 && x.Cell.Cell == reviewed[table] {
					alive[x.Cell.Values[0].Str()] = "waits"
				}
			}
		}
		w.cell(at, texts, alive, row != nil)
	}
}

func (w *rewound) cell(at string, texts []string, alive map[string]string, live bool) {
	for _, a := range texts {
		seen := ""
		for _, b := range texts {
			if w.ledger.writes[b].saw[a] {
				seen = b
				if alive[a] == "stands" && alive[b] != "" {
					w.wrong("P5: %s: %s stands, though %s was written by somebody who had it before him, and survives: %v%s", at, a, b, alive, w.story(at))
				}
			}
		}
		switch {
		case alive[a] == "" && seen == "" && live:
			w.wrong("P6: %s: %s was accepted and is gone, though nobody saw it: %v%s", at, a, alive, w.story(at))
		case alive[a] != "" && seen != "" && !w.ledger.restored && live:
			w.wrong("P6: %s: %s waits, though %s replaced it having seen it, and nothing was ever restored%s", at, a, seen, w.story(at))
		case alive[a] != "" && seen != "" && w.ledger.restored:
			w.count("causally replaced, and in the queue after a restore")
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
