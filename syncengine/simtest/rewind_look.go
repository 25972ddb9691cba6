package simtest

import (
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// overlaid checks that a replica shows its person's own work on its way: what it has not sent, or offers again to a centre
// that lost it, once that one's snapshot is there.
func (p *handset) overlaid() {
	w := p.w
	if p.dev.ctl.Reoffer {
		return // its rows are still those of the epoch that ended
	}
	for i := len(p.tokens) - 1; i >= 0; i-- {
		t := p.tokens[i]
		e := w.ledger.writes[t.text]
		cs, _ := p.dev.Sealed(t.n)
		if cs == nil || cs.Hole() || t.n <= p.contained {
			continue // filed, contained in what the centre shows, or not sealed yet
		}
		row := p.dev.rows[e.key]
		if p.later(t, e.key) || row == nil && !p.inserted(t.n, e.key) {
			continue
		}
		got := ""
		if row != nil {
			got = w.heard(e.key.Table, e.key.Row, value(w.schema.Table(e.key.Table), row, e.cell))
		}
		if got != t.text {
			w.wrong("P10: %s shows %q in %s %s, and %s of its changeset %d is on its way", p.dev.ctl.Device, got, e.key.Table, e.key.Row, t.text, t.n)
		}
		w.count("own work shown on its way")
	}
}

// later tells whether the replica has written a row again since: then that is what it shows.
func (p *handset) later(t word, k replica.RowKey) bool {
	for _, x := range p.dev.pending[k] {
		if x.N > t.n {
			return true
		}
	}
	for _, o := range p.tokens {
		if o.n > t.n && p.w.ledger.writes[o.text].key == k {
			return true
		}
	}
	for _, c := range p.dev.captured {
		if c.Table == k.Table && c.Row == k.Row {
			return true
		}
	}
	return false
}

// inserted tells whether a changeset on its way makes the row, so that it is there in any case.
func (p *handset) inserted(n int64, k replica.RowKey) bool {
	cs, _ := p.dev.Sealed(n)
	for _, c := range cs.Changes {
		if c.Table == k.Table && c.Row == k.Row {
			return c.Op.String() == "insert"
		}
	}
	return false
}
