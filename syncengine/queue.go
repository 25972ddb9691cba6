package syncengine

import (
	"fmt"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
)

// cellConflict makes the conflict queue say what a reviewed cell does: its one open conflict IS the survivors that do
// not stand. It ends, recorded, when none is left (P6).
func (g *ingest) cellConflict(t *schema.Table, row *Row, i int) error {
	def := t.Cells[i]
	key := ConflictKey{ConflictCell, t.Name, row.ID, def.Name}
	var list []Candidate
	for _, w := range row.Cells[i].Candidates() {
		list = append(list, candidateOf(&w, def.Name))
	}
	if len(list) == 0 {
		return g.closeKey(key, OutcomeSuperseded)
	}
	stands := ""
	if w := row.Cells[i].Standing(); w != nil {
		stands = w.Device
	}
	return g.setCandidates(key, row, list, row.Cells[i].written(g.seq), stands)
}

// cellConflicts does so for every cell of a row that has candidates, or had some before.
func (g *ingest) cellConflicts(t *schema.Table, row, before *Row) error {
	for i, def := range t.Cells {
		had := before != nil && len(before.Cells[i].Candidates()) > 0
		if queued(def) && (had || len(row.Cells[i].Candidates()) > 0) {
			if err := g.cellConflict(t, row, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// written tells whether a write of the changeset at seq is among the survivors.
func (c *Cell) written(seq int64) bool {
	return slices.ContainsFunc(c.Survivors, func(w Write) bool { return w.Seq == seq })
}

// setCandidates opens or updates the conflict with a key; row tells where it belongs. mine says that the present
// changeset is part of it, so that its verdict names it. other is the device whose write stands against the
// candidates, "" if there is none to tell.
func (g *ingest) setCandidates(key ConflictKey, row *Row, list []Candidate, mine bool, other string) error {
	con, err := g.tx.OpenConflict(key)
	if err != nil {
		return fmt.Errorf("read conflict: %w", err)
	}
	if con == nil {
		g.opened++
		con = &Conflict{ID: fmt.Sprintf("%d-%d", g.seq, g.opened), Key: key, Opened: g.seq}
		if err := g.tellOther(con, other); err != nil {
			return err
		}
	}
	if mine {
		g.refer(ConflictRef{con.ID, key})
	}
	if con.Opened != g.seq && sameCandidates(con.Candidates, list) {
		if con.Scope == row.Scope && con.Door == row.Door {
			return nil
		}
		con.Scope, con.Door = row.Scope, row.Door // a conflict moves with its row
		return g.tx.PutConflict(con)
	}
	before := con.Candidates
	con.Scope, con.Door, con.Candidates, con.Changed = row.Scope, row.Door, list, g.seq
	if err := g.tx.PutConflict(con); err != nil {
		return fmt.Errorf("put conflict: %w", err)
	}
	return g.tell(con, before, list, other)
}

func sameCandidates(a, b []Candidate) bool {
	return slices.EqualFunc(a, b, func(x, y Candidate) bool {
		return x.ID() == y.ID() && x.Row == y.Row && x.Cell.Cell == y.Cell.Cell && x.To == y.To && slices.Equal(x.Cell.In, y.Cell.In)
	})
}

func (g *ingest) refer(ref ConflictRef) {
	if !slices.ContainsFunc(g.conflicts, func(r ConflictRef) bool { return r.ID == ref.ID }) {
		g.conflicts = append(g.conflicts, ref)
	}
}

// tell sends a message to the devices of candidates that are new in a conflict. The device that is being answered
// learns it from its verdict.
func (g *ingest) tell(con *Conflict, before, list []Candidate, other string) error {
	told := map[string]bool{g.cs.Device: true, other: true}
	for _, x := range list {
		known := slices.ContainsFunc(before, func(y Candidate) bool { return y.ID() == x.ID() })
		if known || told[x.Device] {
			continue
		}
		told[x.Device] = true
		m := Message{Device: x.Device, Kind: MessageConflict, Conflict: ConflictRef{con.ID, con.Key}, Author: g.cs.Author}
		if err := g.message(m); err != nil {
			return err
		}
	}
	return nil
}

// tellOther tells the device whose write stands that somebody wrote something else at the same time.
func (g *ingest) tellOther(con *Conflict, device string) error {
	if device == "" || device == g.cs.Device {
		return nil
	}
	return g.message(Message{Device: device, Kind: MessageConflict, Conflict: ConflictRef{con.ID, con.Key}, Author: g.cs.Author})
}

func (g *ingest) message(m Message) error {
	dev, err := g.tx.Device(m.Device)
	if err != nil || dev == nil || dev.Console {
		return err
	}
	dev.Inbox++
	m.Number, m.Seq = dev.Inbox, g.seq
	if err := g.tx.PutDevice(dev); err != nil {
		return fmt.Errorf("number a message: %w", err)
	}
	if err := g.tx.PutMessage(m); err != nil {
		return fmt.Errorf("put message: %w", err)
	}
	return nil
}

// closeKey ends the open conflict with a key, if there is one.
func (g *ingest) closeKey(key ConflictKey, outcome Outcome) error {
	con, err := g.tx.OpenConflict(key)
	if err != nil || con == nil {
		return err
	}
	return g.closeConflict(con, outcome, "")
}

func (g *ingest) closeConflict(con *Conflict, outcome Outcome, reason string) error {
	con.Closed, con.Outcome, con.Reason = g.seq, outcome, reason
	if outcome != OutcomeGone && outcome != OutcomeSuperseded {
		con.DecidedBy = g.cs.Author
	}
	if err := g.tx.PutConflict(con); err != nil {
		return fmt.Errorf("close conflict: %w", err)
	}
	return nil
}

// keyOf gives the values of a row's natural key; nil if it declares none or one of them is NULL.
func keyOf(t *schema.Table, row *Row) []schema.Value {
	if row == nil || len(t.NaturalKey) == 0 {
		return nil
	}
	key := make([]schema.Value, len(t.NaturalKey))
	for i, name := range t.NaturalKey {
		def := t.CellOf(name)
		key[i] = row.Cells[t.CellIndex(def.Name)].Values(def)[slices.Index(def.Columns, t.Column(name))]
		if key[i].IsNull() {
			return nil
		}
	}
	return key
}

// duplicates keeps the conflicts about a row's natural key true after the row was saved.
func (g *ingest) duplicates(t *schema.Table, row, before *Row) error {
	now, old := keyOf(t, row), keyOf(t, before)
	if before != nil && slices.Equal(now, old) && row.Scope == before.Scope {
		return nil
	}
	if old != nil {
		if err := g.regroup(t, before, old); err != nil {
			return err
		}
	}
	if now == nil {
		return nil
	}
	return g.regroup(t, row, now)
}

// ungroup takes a deleted row out of the conflicts about its natural key.
func (g *ingest) ungroup(t *schema.Table, row *Row) error {
	if key := keyOf(t, row); key != nil {
		return g.regroup(t, row, key)
	}
	return nil
}

// regroup states anew which live rows of a scope share a natural key. The conflict is kept under the row that came
// first; touched is the row whose key appeared or disappeared.
func (g *ingest) regroup(t *schema.Table, touched *Row, key []schema.Value) error {
	ids, err := g.tx.ByNaturalKey(t.Name, touched.Scope, key)
	if err != nil {
		return fmt.Errorf("look up natural key: %w", err)
	}
	if touched.Inserted == g.seq && len(ids) == 1 {
		return nil // a new row with a key of its own: the common case
	}
	rows := make([]*Row, 0, len(ids))
	for _, id := range ids {
		r, err := g.tx.Row(t.Name, id)
		if err != nil || r == nil {
			return err
		}
		rows = append(rows, r)
	}
	slices.SortStableFunc(rows, func(a, b *Row) int { return int(a.Inserted - b.Inserted) })
	if !slices.ContainsFunc(rows, func(r *Row) bool { return r.ID == touched.ID }) {
		if err := g.closeKey(duplicateKey(t, touched.ID), OutcomeGone); err != nil {
			return err
		}
	}
	for i, r := range rows {
		if i > 0 || len(rows) == 1 {
			if err := g.closeKey(duplicateKey(t, r.ID), OutcomeGone); err != nil {
				return err
			}
		}
	}
	if len(rows) < 2 {
		return nil
	}
	first := rows[0]
	var list []Candidate
	for _, r := range rows[1:] {
		list = append(list, candidateRow(t, r))
	}
	done, err := g.tx.DismissedConflict(duplicateKey(t, first.ID))
	if err != nil {
		return err
	}
	if done != nil && !slices.ContainsFunc(list, func(x Candidate) bool {
		return !slices.ContainsFunc(done.Candidates, func(y Candidate) bool { return y.Row == x.Row })
	}) {
		// Somebody looked at exactly these and found them different things; what joined since has left again.
		return g.closeKey(duplicateKey(t, first.ID), OutcomeGone)
	}
	return g.setCandidates(duplicateKey(t, first.ID), first, list, true, candidateRow(t, first).Device)
}

func duplicateKey(t *schema.Table, id RowID) ConflictKey {
	return ConflictKey{ConflictDuplicate, t.Name, id, ""}
}

// candidateRow is a row as a candidate of a conflict about rows: the changeset that inserted it.
func candidateRow(t *schema.Table, r *Row) Candidate {
	x := Candidate{Row: r.ID, Author: r.Author, Seq: r.Inserted}
	for i, def := range t.Cells {
		if w := r.Cells[i].Standing(); w != nil && def.Policy != schema.PolicyCentral && w.Seq == r.Inserted {
			x.Device, x.N, x.Epoch, x.At, x.Suspect = w.Device, w.N, w.Epoch, w.At, w.Suspect
			break
		}
	}
	return x
}
