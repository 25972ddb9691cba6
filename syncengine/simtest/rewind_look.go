package simtest

import (
	"slices"

	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// overlaid checks that a replica shows its person's own work on its way: what it has not sent, or offers again to a centre
// that lost it, once that one's snapshot is there.
func (p *handset) overlaid() {
	w := p.w
	if p.dev.ctl.Reoffer || len(p.dev.outbox) == 0 {
		return // its rows are still those of the epoch that ended
	}
	sent := map[int64]*se.Changeset{}
	for _, cs := range p.dev.outbox {
		sent[cs.N] = cs
	}
	first, later := p.dev.outbox[0].N, p.captured()
	for i := len(p.tokens) - 1; i >= 0; i-- {
		t := p.tokens[i]
		if t.n < first {
			continue
		}
		e := w.ledger.writes[t.text]
		again := later[e.key] > t.n
		later[e.key] = max(later[e.key], t.n)
		cs := sent[t.n]
		if cs == nil || cs.Hole() || t.n <= p.contained {
			continue // filed, contained in what the centre shows, or not sealed yet
		}
		row := p.dev.rows[e.key]
		if again || slices.ContainsFunc(p.dev.pending[e.key], func(x replica.Pending) bool { return x.N > t.n }) || row == nil && !inserts(cs, e.key) {
			continue // what it has written to the row since is what it shows
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

// captured gives the rows that programs wrote and nobody has sealed, as later than everything.
func (p *handset) captured() map[replica.RowKey]int64 {
	out := map[replica.RowKey]int64{}
	for _, c := range p.dev.captured {
		out[replica.RowKey{Table: c.Table, Row: c.Row}] = 1 << 60
	}
	return out
}

// inserts tells whether a changeset makes the row, so that it is there in any case.
func inserts(cs *se.Changeset, k replica.RowKey) bool {
	for _, c := range cs.Changes {
		if c.Table == k.Table && c.Row == k.Row {
			return c.Op == se.OpInsert
		}
	}
	return false
}
