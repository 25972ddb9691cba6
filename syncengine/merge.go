package syncengine

import (
	"math"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
)

// Merge decides what an incoming write does to the cell it touches (engine.md §5, rules 1 to 3).
//
// It is total and pure: every pair of inputs has one outcome, on every machine. in carries Seq and Epoch, the place
// its changeset takes in the county's order; its From and To are set here. cell is not changed.
//
// A cell keeps its surviving writes. A write removes those it has seen and joins the rest. If it has seen what
// stands, it stands, whatever the clocks say; otherwise the greater (effective time, device) does, and equal values
// stand together. Which of truly concurrent writes stands may depend on clocks; the set of survivors depends on
// nothing but who saw what.
//
// Where the base of either is of an epoch that ended, no clock is asked: the larger base stands, and of equal ones what
// stands stays. See Lineage.Merge for what a base beyond a restored head has seen.
func Merge(cell Cell, in Write, def *schema.Cell) (Cell, Fate) { return Lineage{}.Merge(cell, in, def) }

// Merge is the rule with what is known of the author's past. A base beyond the restored head sees only in part: what
// other devices wrote stays, as candidates if in replaces it, which it does only if its base is the larger. So here
// alone the queue may hold something that was causally replaced.
func (l Lineage) Merge(cell Cell, in Write, def *schema.Cell) (Cell, Fate) {
	if def.Policy == schema.PolicyMax || def.Policy == schema.PolicyMin {
		return l.mergeExtreme(cell, in, def)
	}
	standing, unseen := []Write{}, []Write{}
	out := Cell{Shown: cell.Shown}
	for _, w := range cell.Survivors {
		if w.Stands() {
			standing = append(standing, w)
		}
		if !l.hasSeen(&in, &w) {
			unseen = append(unseen, w)
		} else if in.Epoch > 1 && in.Base.Less(w.Base) && l.own(in.Device, in.N, w.ID()) {
			in.Base = w.Base // what he had seen when he wrote that, and reads nowhere any more: the centre lost it
		}
	}
	var rival *Write // a standing write that in has not seen; it has to stand back behind one of them to lose
	for i := range unseen {
		if w := &unseen[i]; w.Stands() && (rival == nil || !in.beats(w)) {
			rival = w
		}
	}
	before := cell.Values(def)
	fate := FateStands
	switch {
	case rival == nil:
		in.From = in.Seq
	case slices.Equal(rival.Values, in.Values):
		in.From, fate = in.Seq, FateConverged
	case in.beats(rival):
		in.From, fate = in.Seq, FateWon
		for i := range unseen {
			if unseen[i].Stands() {
				unseen[i].To = in.Seq
			}
		}
	default:
		fate = FateCandidate
	}
	out.Survivors = append(out.Survivors, unseen...)
	out.Survivors = append(out.Survivors, in)
	if def.Policy != schema.PolicyReview {
		out.Survivors = slices.DeleteFunc(out.Survivors, func(w Write) bool { return !w.Stands() })
		if fate == FateCandidate {
			fate = FateLost
		}
	}
	if len(standing) == 0 || in.Stands() && !slices.Equal(before, in.Values) {
		out.Shown = in.Seq
	}
	return out, fate
}

// beats tells whether in stands rather than a standing write that it has not seen.
func (in *Write) beats(w *Write) bool {
	if in.Base.ended(in.Epoch) || w.Base.ended(in.Epoch) {
		return w.Base.Less(in.Base)
	}
	if none := (Base{}); in.Epoch > 1 && (in.Base == none) != (w.Base == none) {
		return w.Base == none // who had seen nothing may be of what was lost, and the other may have had him before him there
	}
	return w.before(in)
}

// ended tells whether a base is of an epoch before this one. The zero base is of none.
func (b Base) ended(epoch int64) bool { return b.Epoch > 0 && b.Epoch < epoch }

// hasSeen tells whether in's author had s before him: an earlier write of his own device, or what stood at in's base.
// What one wrote to two rows before they were merged are two things: neither replaces the other by being later.
func (l Lineage) hasSeen(in, s *Write) bool {
	if in.Row == s.Row && (s.Device == in.Device || l.own(in.Device, in.N, s.ID())) {
		return l.own(in.Device, in.N, s.ID())
	}
	seq, part := l.sight(in.Base, in.Epoch)
	return !part && s.From > 0 && in.Base.Epoch > 0 && s.From <= seq && (s.To == 0 || s.To > seq)
}

// saw is hasSeen by the policy of the cell: what a max or min cell shows stands for all its survivors, so that seeing
// it is having seen them.
func (l Lineage) saw(in, s *Write, def *schema.Cell) bool {
	if (s.Device != in.Device || s.Row != in.Row) && (def.Policy == schema.PolicyMax || def.Policy == schema.PolicyMin) {
		return in.Row == s.Row && l.own(in.Device, in.N, s.ID()) || l.covers(in.Base, in.Epoch, s.Seq)
	}
	return l.hasSeen(in, s)
}

// mergeExtreme is Merge for max and min: every survivor counts as shown, since the value shown stands for them all.
func (l Lineage) mergeExtreme(cell Cell, in Write, def *schema.Cell) (Cell, Fate) {
	before := cell.Values(def)
	first := cell.Standing() == nil
	out := Cell{Shown: cell.Shown}
	fate := FateStands
	for _, w := range cell.Survivors {
		if !l.saw(&in, &w, def) {
			out.Survivors = append(out.Survivors, w)
		}
	}
	out.Survivors = append(out.Survivors, in)
	best := out.Survivors[0].Values
	for _, w := range out.Survivors[1:] {
		if def.Greater(w.Values, best) {
			best = w.Values
		}
	}
	for i := range out.Survivors {
		w := &out.Survivors[i]
		switch stands := slices.Equal(w.Values, best); {
		case stands && !w.Stands():
			w.From, w.To = in.Seq, 0
		case !stands && w.Stands():
			w.To = in.Seq
		}
	}
	self := out.Survivors[len(out.Survivors)-1]
	switch {
	case len(out.Survivors) == 1:
	case !self.Stands() && def.Queue:
		fate = FateCandidate
	case !self.Stands():
		fate = FateLost
	case slices.Equal(before, best):
		fate = FateConverged
	default:
		fate = FateWon
	}
	if first || !slices.Equal(before, best) {
		out.Shown = in.Seq
	}
	return out, fate
}

// Apply puts an operation on a cell: add and union take effect whether concurrent or not. A removal takes away only
// the additions that its author had seen, so a concurrent addition wins over it.
func Apply(cell Cell, in Write, op CellWrite, def *schema.Cell) (Cell, Fate) {
	return Lineage{}.Apply(cell, in, op, def)
}

// Apply is the rule with what is known of the author's past.
func (l Lineage) Apply(cell Cell, in Write, op CellWrite, def *schema.Cell) (Cell, Fate) {
	out := cell.Clone()
	if def.Policy == schema.PolicyAdd {
		out.Sum = plus(cell.Sum, op.Add)
		if cell.Shown == 0 || out.Sum != cell.Sum {
			out.Shown = in.Seq
		}
		return out, FateCombined
	}
	before := cell.Values(def)
	for _, e := range op.Out {
		if i, ok := out.element(e); ok {
			el := &out.Elements[i]
			el.Tags = slices.DeleteFunc(el.Tags, func(t Tag) bool {
				return l.sawTag(&in, &t)
			})
			if len(el.Tags) == 0 {
				out.Elements = slices.Delete(out.Elements, i, i+1)
			}
		}
	}
	for _, e := range op.In {
		i, ok := out.element(e)
		if !ok {
			out.Elements = slices.Insert(out.Elements, i, Element{Value: e})
		}
		el := &out.Elements[i]
		el.Tags = slices.DeleteFunc(el.Tags, func(t Tag) bool { return t.Device == in.Device })
		el.Tags = append(el.Tags, Tag{Device: in.Device, N: in.N, Seq: in.Seq, Epoch: in.Epoch})
	}
	wasShown := cell.Shown
	out.Shown = in.Seq
	if wasShown != 0 && slices.Equal(before, out.Values(def)) {
		out.Shown = wasShown
	}
	return out, FateCombined
}

// sawTag tells whether in's author had seen an addition.
func (l Lineage) sawTag(in *Write, t *Tag) bool {
	return l.own(in.Device, in.N, WriteID{t.Device, t.N}) || t.Device != in.Device && l.covers(in.Base, in.Epoch, t.Seq)
}

func (c *Cell) element(v string) (int, bool) {
	return slices.BinarySearchFunc(c.Elements, v, func(e Element, v string) int {
		switch {
		case e.Value < v:
			return -1
		case e.Value > v:
			return 1
		}
		return 0
	})
}

// plus adds two numbers; NULL counts as nothing. Whole numbers stop at the ends of 64 bits rather than wrap.
func plus(a, b schema.Value) schema.Value {
	switch {
	case a.IsNull():
		return b
	case b.IsNull():
		return a
	case a.Kind() == schema.KindInt && b.Kind() == schema.KindInt:
		x, y := a.Int64(), b.Int64()
		switch {
		case y > 0 && x > math.MaxInt64-y:
			return schema.Int(math.MaxInt64)
		case y < 0 && x < math.MinInt64-y:
			return schema.Int(math.MinInt64)
		}
		return schema.Int(x + y)
	}
	return schema.Real(a.Float64() + b.Float64())
}

// Overlay gives what a replica shows in a cell: the centre's value with one pending write on top. It is the device's
// half of Apply and knows nothing of versions.
func Overlay(under []schema.Value, w CellWrite, def *schema.Cell) []schema.Value {
	if !w.Operation() {
		return slices.Clone(w.Values)
	}
	if def.Policy == schema.PolicyAdd {
		return []schema.Value{plus(under[0], w.Add)}
	}
	set, _ := SetOf(under[0])
	set = slices.DeleteFunc(set, func(e string) bool { return slices.Contains(w.Out, e) })
	return []schema.Value{schema.Text(schema.FormatSet(append(set, w.In...)))}
}

// SetOf gives the elements of a set column; NULL is the empty set. ok is false for what is not a set.
func SetOf(v schema.Value) (elements []string, ok bool) {
	if v.IsNull() {
		return nil, true
	}
	elements, err := schema.ParseSet(v.Str())
	return elements, err == nil && v.Kind() == schema.KindText
}
