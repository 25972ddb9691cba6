package syncengine

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/doorstep-sync/doorstep/schema"
)

// quarantine keeps a refused changeset whole, with what a later release needs.
func (g *ingest) quarantine(v Verdict) error {
	scope, err := g.belongs(v.Reason)
	if err != nil {
		return err
	}
	q := &Quarantined{
		Device: g.cs.Device, N: g.cs.N, Changeset: g.cs, Verdict: v, Received: g.sub.Now, At: g.at, Suspect: g.suspect,
		Scope: scope, Awaits: awaits(v.Reason),
	}
	return g.tx.PutQuarantined(q)
}

// awaits gives the id that a parked changeset waits for. Rows that a restored centre lacked end their waiting by coming
// back: with the last of them nothing is left to decide.
func awaits(r *Reason) RowID {
	switch {
	case r != nil && r.Code == CodeAwaits:
		return RowID(r.Rule)
	case r != nil && r.Code == CodeSalvage:
		return r.Row
	}
	return ""
}

// belongs finds the scope whose supervisors should see a refused changeset: that of the row it was refused for, else the
// one it names itself, else one that its author works in.
func (g *ingest) belongs(r *Reason) (string, error) {
	i := slices.IndexFunc(g.cs.Changes, func(c Change) bool { return c.Table == r.Table && c.Row == r.Row })
	order := slices.Clone(g.cs.Changes)
	if i > 0 {
		order[0], order[i] = order[i], order[0]
	}
	for i := range order[:min(len(order), 20)] {
		scope, err := scopeOf(g.tx, g.engine.schema, &order[i])
		if err != nil || g.views.byScope[scope] != nil {
			return scope, err
		}
	}
	for _, x := range g.views.principal.Grants {
		return x.Scope, nil
	}
	return "", nil
}

// scopeOf gives the scope that a change is about, "" if nobody knows.
func scopeOf(tx ReadTx, s *schema.Schema, c *Change) (string, error) {
	t := s.Table(c.Table)
	if t == nil || c.Op == OpDecide {
		return "", nil
	}
	row, err := tx.Peek(c.Table, c.Row)
	if err != nil {
		return "", err
	}
	if row != nil {
		return row.Scope, nil
	}
	dead, err := tx.Dead(c.Table, c.Row)
	if err != nil {
		return "", err
	}
	if dead != nil && dead.Row != nil {
		return dead.Row.Scope, nil
	}
	for _, w := range c.Cells {
		if w.Cell == schema.CellScope && len(w.Values) == 1 {
			return w.Values[0].Str(), nil
		}
	}
	return "", nil
}

// afterwards notes, once a changeset has taken effect, what it means for parked ones.
func (g *ingest) afterwards() error {
	if err := g.overtake(); err != nil {
		return err
	}
	if len(g.arrived) == 0 {
		return nil
	}
	if err := g.tx.MarkReady(g.arrived); err != nil {
		return fmt.Errorf("mark what awaited rows: %w", err)
	}
	return nil
}

// overtake notes on earlier parked changesets of the device what it has written again since, and lets those be tried
// whose row has come into its view. What was made before its replica was copied lies under another device's name.
func (g *ingest) overtake() error {
	for _, past := range slices.Concat([]WriteID{{g.cs.Device, g.cs.N - 1}}, g.past.Parents, g.past.Kin) {
		parked, err := g.tx.Parked(past.Device, 0, maxRetried)
		if err != nil {
			return fmt.Errorf("read parked changesets of a device: %w", err)
		}
		if len(parked) == 0 {
			continue
		}
		if err := g.overtakes(past); err != nil {
			return err
		}
		if past.Device != g.cs.Device || g.again {
			continue
		}
		if err := g.backInView(parked); err != nil {
			return err
		}
	}
	return nil
}

// overtakes notes on a device's parked changesets up to n what was written again since.
func (g *ingest) overtakes(past WriteID) error {
	for i := range g.cs.Changes {
		c := &g.cs.Changes[i]
		if g.skip[i] || c.Op == OpDecide || g.cs.Salvage { // a row that a replica held is nothing that its person wrote
			continue
		}
		list, err := g.tx.ParkedOn(past.Device, c.Table, c.Row)
		if err != nil {
			return fmt.Errorf("read parked changesets of a row: %w", err)
		}
		for _, n := range list {
			if n > past.N || n >= g.cs.N {
				break
			}
			q, err := g.tx.Quarantined(past.Device, n)
			if err != nil || q == nil {
				return err
			}
			q.overtakenBy(c)
			if err := g.tx.PutQuarantined(q); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxRetried is how many parked changesets of a device are looked at when it shows that it is there.
const maxRetried = 20

// backInView marks parked changesets whose row is shown to the device now: its rights may have changed without a commit.
func (g *ingest) backInView(parked []int64) error {
	for _, n := range parked {
		q, err := g.tx.Quarantined(g.cs.Device, n)
		if err != nil || q == nil {
			return err
		}
		why := q.Reason()
		if t := g.views.table(why.Table); q.Ready || q.Awaits == "" || q.Awaits != why.Row || t == nil {
			continue
		} else if row, err := g.tx.Peek(t.Name, q.Awaits); err != nil {
			return err
		} else if row == nil || !g.views.showsRow(t, row) {
			continue
		}
		q.Ready = true
		if err := g.tx.PutQuarantined(q); err != nil {
			return err
		}
	}
	return nil
}

// overtakenBy notes what a later change of the same device does to the same row.
func (q *Quarantined) overtakenBy(c *Change) {
	mine := slices.IndexFunc(q.Changeset.Changes, func(x Change) bool { return x.Table == c.Table && x.Row == c.Row })
	if mine < 0 {
		return
	}
	if c.Op == OpDelete || q.Changeset.Changes[mine].Op == OpDelete {
		q.Overtaken = append(q.Overtaken, Overtaken{Table: c.Table, Row: c.Row, Cell: schema.CellRow})
		return
	}
	for i := range c.Cells {
		w := &c.Cells[i]
		x := Overtaken{Table: c.Table, Row: c.Row, Cell: w.Cell}
		if w.Operation() && len(w.In)+len(w.Out) > 0 {
			x.Elements = append(slices.Clone(w.In), w.Out...)
		}
		q.Overtaken = append(q.Overtaken, x)
	}
}

// remains gives what of the changeset its device has not overtaken: the changeset with fewer cells, and the changes of
// which nothing is left.
func (q *Quarantined) remains() (*Changeset, map[int]bool) {
	cs, skip := *q.Changeset, map[int]bool{}
	cs.Changes = slices.Clone(cs.Changes)
	for _, x := range q.Overtaken {
		i := slices.IndexFunc(cs.Changes, func(c Change) bool { return c.Table == x.Table && c.Row == x.Row })
		if i < 0 {
			continue
		}
		c := &cs.Changes[i]
		if x.Cell == schema.CellRow {
			skip[i] = true
			continue
		}
		left := make([]CellWrite, 0, len(c.Cells))
		for _, w := range c.Cells {
			if w.Cell == x.Cell {
				if w.In, w.Out = without(w.In, x.Elements), without(w.Out, x.Elements); x.Elements == nil || len(w.In)+len(w.Out) == 0 {
					continue
				}
			}
			left = append(left, w)
		}
		c.Cells = left
		skip[i] = skip[i] || len(left) == 0 && c.Op != OpDelete
	}
	return &cs, skip
}

func without(list, gone []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(gone, s) })
}

// retrial makes the judging of a quarantined changeset anew, at a seq, with what it had: its author and its device, n,
// bases and effective time.
func (e *Engine) retrial(tx Tx, q *Quarantined, head Head, seq int64, v *views) (*ingest, error) {
	dev, err := tx.Device(q.Device)
	if err != nil {
		return nil, fmt.Errorf("read device: %w", err)
	}
	if dev == nil {
		dev = &Device{ID: q.Device}
	}
	past, err := lineage(tx, dev, head.Epoch)
	if err != nil {
		return nil, err
	}
	cs, skip := q.remains()
	size, hash := q.Changeset.seal() // as it was made: history keeps it whole
	return &ingest{
		size: size, hash: hash,
		past:   past,
		engine: e, tx: tx, sub: Submission{Changeset: cs, Now: q.Received}, cs: cs, dev: dev, epoch: head.Epoch, head: seq - 1, seq: seq,
		views: v, reads: v, at: q.At, suspect: q.Suspect, again: true, skip: skip, parked: q,
	}, nil
}

// settle closes the changeset that was tried again and tells its device.
func (g *ingest) settle(why string) error {
	q := g.parked
	fresh, err := g.tx.Quarantined(q.Device, q.N)
	if err != nil {
		return fmt.Errorf("read quarantine: %w", err)
	}
	if fresh == nil || fresh.Closed {
		return reject(CodeHandled, &Change{}, "", "") // it retried itself, in effect: a changeset that names itself
	}
	q.Closed, q.Ready, q.Outcome, q.Seq, q.By, q.Why = true, false, SettledReleased, g.seq, g.by, why
	if err := g.tx.PutQuarantined(q); err != nil {
		return fmt.Errorf("close quarantine: %w", err)
	}
	return g.tellSettled(q, MessageReleased)
}

// tellSettled tells a device how one of its changesets ended.
func (g *ingest) tellSettled(q *Quarantined, kind MessageKind) error {
	m := Message{Device: q.Device, Kind: kind, Author: q.By, N: q.N, Reason: q.Why}
	m.Conflict = ConflictRef{ID: "changeset-" + strconv.FormatInt(q.N, 10), Key: ConflictKey{Kind: AboutQuarantine}}
	if r := q.Verdict.Reason; r != nil {
		m.Conflict.Key.Table, m.Conflict.Key.Row = r.Table, r.Row
	}
	devices, err := g.concerned([]WriteID{{q.Device, q.N}})
	if err != nil {
		return err
	}
	for _, m.Device = range devices {
		if err := g.message(m); err != nil {
			return err
		}
	}
	return nil
}

// Bounds of what one commit releases by itself: everybody else waits meanwhile. The rest comes with the next ones.
const (
	maxReleases     = 16
	maxReleaseCells = 5000
)

// retryReady tries parked changesets for which something has come. more says that some are left for the next commit.
func (e *Engine) retryReady(tx Tx) (more bool, err error) {
	for tried, cells := 0, 0; ; tried++ {
		list, err := tx.Ready(1)
		if err != nil || len(list) == 0 {
			return false, err
		}
		if tried == maxReleases || cells > maxReleaseCells {
			return true, nil
		}
		n, err := e.retry(tx, list[0])
		if err != nil {
			return false, err
		}
		cells += n
	}
}

// retry judges a parked changeset anew, by its author's rights when it arrived. What still cannot be keeps waiting, with
// the reason of now; its verdict stays what it was.
func (e *Engine) retry(tx Tx, id WriteID) (cells int, err error) {
	q, err := tx.Quarantined(id.Device, id.N)
	if err != nil || q == nil {
		return 0, err
	}
	for i := range q.Changeset.Changes {
		cells += 1 + len(q.Changeset.Changes[i].Cells)
	}
	q.Ready = false
	var why *Reason
	err = tx.Savepoint(func() error { return e.readmit(tx, q) })
	if err == nil {
		return cells, nil
	}
	var refused *refusal
	switch {
	case errors.Is(err, ErrUnavailable):
		return cells, err
	case errors.As(err, &refused):
		why = &refused.reason
	default:
		why = &Reason{Code: CodeInternal} // whatever it is, it holds up nobody else
	}
	if q, err = tx.Quarantined(id.Device, id.N); err != nil || q == nil {
		return cells, err
	}
	q.Ready, q.Present, q.Awaits = false, why, awaits(why)
	return cells, tx.PutQuarantined(q)
}

func (e *Engine) readmit(tx Tx, q *Quarantined) error {
	p, err := tx.Principal(q.Device)
	if err != nil {
		return fmt.Errorf("read principal: %w", err)
	}
	if p == nil || p.Revoked && !q.Changeset.Salvage { // what came back asks nothing of who handed it in
		return park(CodeGrantEnded, &Change{}, "", "")
	}
	head, err := tx.Head()
	if err != nil {
		return fmt.Errorf("read head: %w", err)
	}
	g, err := e.retrial(tx, q, head, head.Seq+1, newViews(e.schema, p, q.Received))
	if err != nil {
		return err
	}
	if err := g.run(); err != nil {
		return err
	}
	if err := g.settle(""); err != nil {
		return err
	}
	return g.record(&head)
}

// Tend does what commits have left over, in a commit of its own. more says that there is still something: call again.
func (e *Engine) Tend(store Store) (more bool, err error) {
	err = store.Update(func(tx Tx) (err error) {
		more, err = e.retryReady(tx)
		return err
	})
	return more, err
}

// Left tells whether commits have left something over for Tend.
func (e *Engine) Left(tx ReadTx) (bool, error) {
	list, err := tx.Ready(1)
	return len(list) > 0, err
}

// CompleteQuarantined fills in what releases before parked work could be released did not keep: where a quarantined
// changeset belongs, and what it waits for.
func CompleteQuarantined(tx ReadTx, s *schema.Schema, q *Quarantined) error {
	p, err := tx.Principal(q.Device)
	if err != nil {
		return fmt.Errorf("read principal: %w", err)
	}
	if p == nil {
		p = &Principal{Device: q.Device}
	}
	q.Scope, q.Awaits = "", awaits(q.Verdict.Reason)
	for i := range q.Changeset.Changes[:min(len(q.Changeset.Changes), 20)] {
		if q.Scope, err = scopeOf(tx, s, &q.Changeset.Changes[i]); err != nil || q.Scope != "" {
			return err
		}
	}
	if len(p.Grants) > 0 {
		q.Scope = p.Grants[0].Scope
	}
	return nil
}
