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
	var stands WriteID
	if w := row.Cells[i].Standing(); w != nil {
		stands = w.ID()
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
// changeset is part of it, so that its verdict names it. other is the write that stands against the
// candidates, if its device is to be told.
func (g *ingest) setCandidates(key ConflictKey, row *Row, list []Candidate, mine bool, other WriteID) error {
	con, err := g.tx.OpenConflict(key)
	if err != nil {
		return fmt.Errorf("read conflict: %w", err)
	}
	if con == nil {
		g.opened++
		con = &Conflict{ID: g.conflictID(), Key: key, Opened: g.seq}
	}
	same := con.Opened != g.seq && sameCandidates(con.Candidates, list) && con.Scope == row.Scope && con.Door == row.Door
	if mine && !g.again {
		g.refer(ConflictRef{con.ID, key})
		if !slices.Contains(con.Told, g.cs.Device) {
			con.Told, same = append(con.Told, g.cs.Device), false
		}
	}
	if same {
		return nil
	}
	if con.Opened == g.seq || !sameCandidates(con.Candidates, list) {
		con.Candidates, con.Changed = list, g.seq
	}
	con.Scope, con.Door = row.Scope, row.Door // a conflict moves with its row
	if err := g.tell(con, other); err != nil {
		return err
	}
	if err := g.tx.PutConflict(con); err != nil {
		return fmt.Errorf("put conflict: %w", err)
	}
	return nil
}

// conflictID names a new conflict. A seq of an epoch that ended is used again: a screen or a device may still know
// another conflict under the name that it gave.
func (g *ingest) conflictID() string {
	id := fmt.Sprintf("%d-%d", g.seq, g.opened)
	if g.epoch > 1 {
		id = fmt.Sprintf("%d.%s", g.epoch, id)
	}
	return id
}

func sameCandidates(a, b []Candidate) bool {
	return slices.EqualFunc(a, b, func(x, y Candidate) bool {
		return x.ID() == y.ID() && x.Row == y.Row && x.Cell.Cell == y.Cell.Cell && x.To == y.To && slices.Equal(x.Cell.In, y.Cell.In) &&
			slices.Equal(x.Cell.Values, y.Cell.Values)
	})
}

func (g *ingest) refer(ref ConflictRef) {
	if !slices.ContainsFunc(g.conflicts, func(r ConflictRef) bool { return r.ID == ref.ID }) {
		g.conflicts = append(g.conflicts, ref)
	}
}

// tell sends a message to the devices that a conflict concerns and that do not know of it: those of its candidates and
// the one whose write stands. The device that is being answered learns it from its verdict.
func (g *ingest) tell(con *Conflict, other WriteID) error {
	ids := []WriteID{other}
	for i := range con.Candidates {
		ids = append(ids, con.Candidates[i].ID())
	}
	devices, err := g.concerned(ids)
	if err != nil {
		return err
	}
	for _, device := range devices {
		if slices.Contains(con.Told, device) {
			continue
		}
		con.Told = append(con.Told, device)
		if device == g.cs.Device && !g.again {
			g.refer(ConflictRef{con.ID, con.Key})
			continue
		}
		if err := g.message(Message{Device: device, Kind: MessageConflict, Conflict: ConflictRef{con.ID, con.Key}, Author: g.cs.Author}); err != nil {
			return err
		}
	}
	return nil
}

// tellAll tells every device that knows of a conflict how it goes on.
func (g *ingest) tellAll(con *Conflict, m Message) error {
	m.Conflict, m.Author = ConflictRef{con.ID, con.Key}, g.cs.Author
	devices, err := g.knowing(con)
	if err != nil {
		return err
	}
	for _, device := range devices {
		m.Device = device
		if err := g.message(m); err != nil {
			return err
		}
	}
	return nil
}

func (g *ingest) message(m Message) error {
	dev, err := g.tx.Device(m.Device)
	if err != nil || dev == nil || dev.Console {
		return err
	}
	// Devices may hold messages of an epoch that ended, by numbers that would come again: those of each epoch begin far
	// above those of the one before.
	dev.Inbox = max(dev.Inbox, (g.epoch-1)<<32) + 1
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
	if err := g.tellAll(con, Message{Kind: MessageEnded}); err != nil {
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
func (g *ingest) duplicates(t *schema.Table, row, before *Row) {
	now, old := keyOf(t, row), keyOf(t, before)
	if before != nil && slices.Equal(now, old) && row.Scope == before.Scope {
		return
	}
	if old != nil {
		g.regroup(t, before, old)
	}
	if now != nil {
		g.regroup(t, row, now)
	}
}

// ungroup takes a deleted row out of the conflicts about its natural key.
func (g *ingest) ungroup(t *schema.Table, row *Row) {
	if key := keyOf(t, row); key != nil {
		g.regroup(t, row, key)
	}
}

// sharedKey is a natural key that the changeset gave to rows or took from them.
type sharedKey struct {
	table   *schema.Table
	scope   string
	key     []schema.Value
	touched []*Row
}

// maxTwins is how many rows with one natural key a conflict lists. Thousands of them are one question still.
const maxTwins = 100

// regroup notes that a row's natural key appeared or disappeared.
func (g *ingest) regroup(t *schema.Table, touched *Row, key []schema.Value) {
	name := canon(nil)
	name.str(t.Name)
	name.str(touched.Scope)
	name.values(key)
	if k := g.byKey[string(name)]; k != nil {
		k.touched = append(k.touched, touched)
		return
	}
	k := &sharedKey{t, touched.Scope, key, []*Row{touched}}
	if g.byKey == nil {
		g.byKey = map[string]*sharedKey{}
	}
	g.byKey[string(name)] = k
	g.keys = append(g.keys, k)
}

// regroupAll states anew, once for each key, which live rows share it.
func (g *ingest) regroupAll() error {
	// What rows left ends before what they joined begins: a conflict is kept under its first row, whatever its key.
	for _, k := range g.keys {
		if err := g.leaveTwins(k); err != nil {
			return err
		}
	}
	for _, k := range g.keys {
		if err := g.twins(k); err != nil {
			return err
		}
	}
	return nil
}

// leaveTwins ends the conflicts under rows that no longer have the key.
func (g *ingest) leaveTwins(k *sharedKey) error {
	if !slices.ContainsFunc(k.touched, func(r *Row) bool { return r.Inserted != g.seq }) {
		return nil // new rows have left nothing
	}
	ids, err := g.tx.ByNaturalKey(k.table.Name, k.scope, k.key)
	if err != nil {
		return fmt.Errorf("look up natural key: %w", err)
	}
	for _, r := range k.touched {
		if slices.Contains(ids, r.ID) {
			continue
		}
		if err := g.closeKey(duplicateKey(k.table, r.ID), OutcomeGone); err != nil {
			return err
		}
	}
	return nil
}

// twins keeps the conflict about one natural key. It is kept under the row that came first.
func (g *ingest) twins(k *sharedKey) error {
	t := k.table
	ids, err := g.tx.ByNaturalKey(t.Name, k.scope, k.key)
	if err != nil {
		return fmt.Errorf("look up natural key: %w", err)
	}
	if len(ids) == 1 && len(k.touched) == 1 && k.touched[0].ID == ids[0] && k.touched[0].Inserted == g.seq {
		return nil // a new row with a key of its own: the common case
	}
	rows := make([]*Row, 0, len(ids))
	for _, id := range ids[:min(len(ids), maxTwins)] {
		r, err := g.tx.Row(t.Name, id)
		if err != nil || r == nil {
			return err
		}
		rows = append(rows, r)
	}
	slices.SortStableFunc(rows, func(a, b *Row) int { return int(a.Inserted - b.Inserted) })
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
	stands := candidateRow(t, first)
	return g.setCandidates(duplicateKey(t, first.ID), first, list, true, stands.ID())
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
