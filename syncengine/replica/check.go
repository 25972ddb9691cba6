package replica

import (
	"fmt"
	"math"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// Mended is a row that a repair changed: what it was and what it is now, either nil for a row that is not there.
type Mended struct {
	Table string
	Row   se.RowID
	Local bool // against what the replica itself held, without the centre
	Old   Image
	New   Image
	Wall  int64
}

// Checked is how a check of the replica ended, and when by this device's clock.
type Checked struct {
	Wall int64
	se.CheckReport
}

// Of repairs: a replica that is repaired so often has something wrong with it that repairing does not end.
const (
	manyRepairs  = 3
	withinMS     = 3600_000
	stopForMS    = 24 * 3600_000
	dueAfterMS   = 24 * 3600_000
	rememberLast = 50
)

// CheckScopes lists the scopes to compare with the centre: those of the view that the cursor is for, and those that
// rows lie in though none of the view's. It is nil while no view is live.
func CheckScopes(tx Tx, s *schema.Schema) ([]string, error) {
	ctl, err := tx.Control()
	if err != nil || ctl.View == "" {
		return nil, err
	}
	var out []string
	for _, g := range ctl.Live {
		out = append(out, g.Scope)
	}
	for _, t := range s.Tables {
		held, err := tx.Scopes(t)
		if err != nil {
			return nil, fmt.Errorf("read scopes of %s: %w", t.Name, err)
		}
		out = append(out, held...)
		kept, err := tx.UnderIDs(t)
		if err != nil {
			return nil, err
		}
		for _, id := range kept {
			image, _, err := tx.Under(t, id)
			if err != nil {
				return nil, err
			}
			if image != nil {
				out = append(out, scopeOf(t, image))
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func scopeOf(t *schema.Table, row Image) string { return row[t.CellIndex(schema.CellScope)][0].Str() }

// Digest makes the digests of a scope, of the centre's rows: those kept under pending changes, else the visible ones. It
// only reads, so that it holds nobody up. It is nil while no view is live; unsealed says that other programs wrote
// something which has to be sealed first.
func Digest(tx Tx, s *schema.Schema, scope string) (check *se.Check, unsealed bool, err error) {
	ctl, err := tx.Control()
	if err != nil || ctl.View == "" {
		return nil, false, err
	}
	caps, err := tx.Captured()
	if err != nil || len(caps) > 0 {
		return nil, err == nil, err
	}
	check = &se.Check{At: ctl.Base(), View: ctl.View, Scope: scope}
	for _, t := range s.Tables {
		d, err := digestTable(tx, t, scope)
		if err != nil {
			return nil, false, fmt.Errorf("read rows of %s: %w", t.Name, err)
		}
		check.Tables = append(check.Tables, d)
	}
	return check, false, nil
}

func digestTable(tx Tx, t *schema.Table, scope string) (se.TableDigest, error) {
	d := se.TableDigest{Table: t.Name, Columns: se.DigestColumns(t), Buckets: se.CheckBuckets}
	digester := se.NewDigester(t, d.Columns)
	sums := make([]se.Digest, d.Buckets)
	add := func(id se.RowID, row Image) { sums[id.Bucket(d.Buckets)].Add(digester.Row(id, row)) }
	kept, err := tx.UnderIDs(t)
	if err != nil {
		return d, err
	}
	under := make(map[se.RowID]bool, len(kept))
	for _, id := range kept {
		under[id] = true
		image, _, err := tx.Under(t, id)
		if err != nil {
			return d, err
		}
		if image != nil && scopeOf(t, image) == scope {
			add(id, image)
		}
	}
	err = tx.InScope(t, scope, func(id se.RowID, row Image) {
		if !under[id] {
			add(id, row)
		}
	})
	for i, sum := range sums {
		if sum.Count > 0 {
			d.Filled = append(d.Filled, se.Bucket{Index: i, Digest: sum})
		}
	}
	return d, err
}

// Reshow seals, shows rows anew that do not show the centre's values with the pending changes on top, and derives the
// states of all cases. It counts what it mended so, without the centre.
func Reshow(tx Tx, s *schema.Schema, clock Clock) (n int, err error) {
	if _, err := Seal(tx, s, clock, true); err != nil {
		return 0, fmt.Errorf("seal before looking: %w", err)
	}
	for _, t := range s.Tables {
		m, err := reshow(tx, s, t, clock.Wall)
		if err != nil {
			return 0, err
		}
		n += m
	}
	return n, nil
}

func reshow(tx Tx, s *schema.Schema, t *schema.Table, wall int64) (n int, err error) {
	keys, err := tx.UnderIDs(t)
	if err != nil {
		return 0, err
	}
	pending, err := tx.PendingUpTo(1, math.MaxInt64)
	if err != nil {
		return 0, err
	}
	for _, k := range pending {
		if k.Table == t.Name {
			keys = append(keys, k.Row)
		}
	}
	slices.Sort(keys)
	var cases caseSet
	for _, id := range slices.Compact(keys) {
		mended, err := reshowRow(tx, t, id, &cases, wall)
		if err != nil {
			return n, err
		}
		if mended {
			n++
		}
	}
	if err := cases.derive(tx, s); err != nil || t.StepsBy == nil {
		return n, err
	}
	m, err := rederive(tx, s, t, wall)
	return n + m, err
}

func reshowRow(tx Tx, t *schema.Table, id se.RowID, cases *caseSet, wall int64) (mended bool, err error) {
	under, kept, err := tx.Under(t, id)
	if err != nil {
		return false, err
	}
	list, err := tx.Pending(t, id)
	if err != nil {
		return false, err
	}
	shown, err := tx.Row(t, id)
	if err != nil {
		return false, err
	}
	same := sameShown(t, shown, overlay(t, under, list))
	if same && kept && len(list) > 0 {
		return false, nil
	}
	cases.note(t, id, shown, under)
	if err := show(tx, t, id, under); err != nil || same {
		return false, err
	}
	now, err := tx.Row(t, id)
	if err != nil {
		return false, err
	}
	return true, tx.PutMended(Mended{Table: t.Name, Row: id, Local: true, Old: shown, New: now, Wall: wall})
}

// rederive derives the states of all cases of t.
func rederive(tx Tx, s *schema.Schema, t *schema.Table, wall int64) (n int, err error) {
	ids, err := tx.RowIDs(t)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		was, err := tx.Row(t, id)
		if err != nil {
			return n, err
		}
		if err := deriveCase(tx, s, RowKey{t.Name, id}); err != nil {
			return n, err
		}
		now, err := tx.Row(t, id)
		if err != nil {
			return n, err
		}
		if slices.EqualFunc(was, now, slices.Equal) {
			continue
		}
		if err := tx.PutMended(Mended{Table: t.Name, Row: id, Local: true, Old: was, New: now, Wall: wall}); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// sameShown compares what is shown with what should be, in the cells that devices write: what the centre alone writes
// is compared with the centre, and derived ones are derived.
func sameShown(t *schema.Table, shown, want Image) bool {
	if shown == nil || want == nil {
		return (shown == nil) == (want == nil)
	}
	for i, cell := range t.Cells {
		if !unwritten(cell) && !slices.EqualFunc(shown[i], want[i], func(a, b schema.Value) bool { return sameNumber(cell, a, b) }) {
			return false
		}
	}
	return true
}

// sameNumber is equality, but for sums of floating-point numbers: the difference that travels, added to the centre's
// number again, need not come to the very number that the person wrote.
func sameNumber(cell *schema.Cell, a, b schema.Value) bool {
	if a == b || cell.Policy != schema.PolicyAdd || a.Kind() != schema.KindReal && b.Kind() != schema.KindReal {
		return a == b
	}
	x, y := a.Float64(), b.Float64()
	return math.Abs(x-y) <= 1e-9*max(math.Abs(x), math.Abs(y))
}

// Repair puts the centre's rows, all of those in the buckets covered, where the replica holds others. Pending changes
// stay on top, the outbox, the journal and the cursor are not touched. current is false if the cursor is not where the
// check was made any more: then nothing is done.
func Repair(tx Tx, s *schema.Schema, clock Clock, check *se.Check, items []se.DeltaItem, covered []se.Covered) (n int, current bool, err error) {
	if _, err := Seal(tx, s, clock, true); err != nil {
		return 0, false, fmt.Errorf("seal before repair: %w", err)
	}
	ctl, err := tx.Control()
	if err != nil || ctl.Base() != check.At || ctl.View != check.View {
		return 0, false, err
	}
	r := repairer{tx: tx, wall: clock.Wall, listed: map[RowKey]bool{}}
	if r.keeper, err = newKeeper(tx, true); err != nil {
		return 0, false, err
	}
	for i := range items {
		it := &items[i]
		t := s.Table(it.Table)
		if t == nil || it.Kind != se.DeltaRow || !it.Whole {
			return 0, false, fmt.Errorf("%w: a repair holds something else than whole rows", ErrBroken)
		}
		r.listed[RowKey{t.Name, it.Row}] = true
		want := blank(t)
		for _, c := range it.Cells {
			if i := t.CellIndex(c.Cell); i >= 0 && len(c.Values) == len(t.Cells[i].Columns) {
				want[i] = slices.Clone(c.Values)
			}
		}
		before := r.n
		if err := r.put(t, it.Row, want); err != nil {
			return 0, false, err
		}
		if r.n > before {
			if err := r.keeper.beside(t, &StagedItem{Scope: check.Scope, DeltaItem: *it}); err != nil {
				return 0, false, err
			}
		}
	}
	for _, c := range covered {
		if t := s.Table(c.Table); t != nil {
			if err := r.dropOthers(t, check.Scope, c); err != nil {
				return 0, false, err
			}
		}
	}
	if err := r.keeper.write(); err != nil {
		return 0, false, err
	}
	return r.n, true, r.cases.derive(tx, s)
}

type repairer struct {
	tx     Tx
	wall   int64
	listed map[RowKey]bool
	keeper *keeper
	cases  caseSet
	n      int
}

// centres gives the centre's row as the replica holds it.
func (r *repairer) centres(t *schema.Table, id se.RowID) (Image, error) {
	row, kept, err := r.tx.Under(t, id)
	if err != nil || kept {
		return row, err
	}
	return r.tx.Row(t, id)
}

// put makes want the centre's row, nil for none.
func (r *repairer) put(t *schema.Table, id se.RowID, want Image) error {
	have, err := r.centres(t, id)
	if err != nil {
		return err
	}
	if have != nil && want != nil {
		same := true
		for i, cell := range t.Cells {
			if cell.Derived {
				want[i] = have[i]
			}
			for j, col := range cell.Columns {
				want[i][j] = col.Normalize(want[i][j])
			}
			same = same && slices.Equal(have[i], want[i])
		}
		if same {
			return nil
		}
	}
	if have == nil && want == nil {
		return nil
	}
	shown, err := r.tx.Row(t, id)
	if err != nil {
		return err
	}
	r.cases.note(t, id, have, shown, want)
	if err := show(r.tx, t, id, want); err != nil {
		return err
	}
	r.n++
	return r.tx.PutMended(Mended{Table: t.Name, Row: id, Old: have, New: want, Wall: r.wall})
}

// dropOthers removes rows of the buckets that the centre does not list, where they are held under that scope.
func (r *repairer) dropOthers(t *schema.Table, scope string, c se.Covered) error {
	in := map[int]bool{}
	for _, i := range c.Index {
		in[i] = true
	}
	var ids []se.RowID
	if err := r.tx.InScope(t, scope, func(id se.RowID, _ Image) { ids = append(ids, id) }); err != nil {
		return err
	}
	under, err := r.tx.UnderIDs(t)
	if err != nil {
		return err
	}
	ids = append(ids, under...)
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		if r.listed[RowKey{t.Name, id}] || !in[id.Bucket(c.Buckets)] {
			continue
		}
		have, err := r.centres(t, id)
		if err != nil {
			return err
		}
		if have != nil && scopeOf(t, have) == scope {
			if err := r.put(t, id, nil); err != nil {
				return err
			}
			if err := r.keeper.gone(RowKey{t.Name, id}); err != nil {
				return err
			}
		}
	}
	return nil
}

// CheckDue tells whether a device should check by itself: not since a day, and not while it has stopped for too many
// repairs. A clock that was set counts as a day gone by, in either direction.
func CheckDue(tx Tx, wall int64) (due, stopped bool, err error) {
	list, err := tx.Checks(rememberLast)
	if err != nil || len(list) == 0 {
		return err == nil, false, err
	}
	for _, c := range list {
		if c.Stopped && apart(c.Wall, wall) < stopForMS {
			return false, true, nil
		}
	}
	return apart(list[0].Wall, wall) >= dueAfterMS, false, nil
}

// EndCheck keeps how a check ended. More than a few within an hour that found something stop the device from checking:
// Stopped is then set, for people to be told.
func EndCheck(tx Tx, r se.CheckReport, wall int64) (se.CheckReport, error) {
	if r.Differed() {
		list, err := tx.Checks(rememberLast)
		if err != nil {
			return r, err
		}
		found := 1
		for _, c := range list {
			if c.Differed() && apart(c.Wall, wall) < withinMS {
				found++
			}
		}
		r.Stopped = found > manyRepairs
	}
	return r, tx.PutCheck(Checked{wall, r})
}

// lately is how far back Checkup counts, ms.
const lately = 30 * 24 * 3600_000

// Checkup tells, for the people at the centre, how long ago the last check of the replica ended, in ms and at least 1 (0 =
// there was none), and how many rows the checks of the last 30 days put right. That everything came from the centre just
// now is no check. A clock that was set back says 1.
func Checkup(tx Tx, wall int64) (ago, repaired int64, err error) {
	list, err := tx.Checks(rememberLast)
	for _, c := range list {
		if c.Scopes == 0 {
			continue
		}
		if ago == 0 {
			ago = max(wall-c.Wall, 1)
		}
		if apart(c.Wall, wall) < lately {
			repaired += int64(c.Repaired + c.Local)
		}
	}
	return ago, repaired, err
}

func apart(a, b int64) int64 {
	if a > b {
		return a - b
	}
	return b - a
}
