package simtest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// telling is the world's own record of what one device was told of its person's grants.
type telling struct {
	shown []se.Grant // that it knows
	lost  []loss
}

// loss is a grant, or doors of one, that the device was told it has no more.
type loss struct {
	grant se.Grant
	n     int64 // the device's last n when it was told
	end   int64
	at    int64
}

// minus gives what of one list of grants another does not hold, door by door.
func minus(was, is []se.Grant) (out []se.Grant) {
	for _, g := range was {
		same := func(x se.Grant) bool { return x.Scope == g.Scope && x.Role == g.Role }
		if !slices.ContainsFunc(is, same) {
			out = append(out, g)
			continue
		}
		gone := slices.DeleteFunc(slices.Clone(g.Doors), func(d string) bool {
			return slices.ContainsFunc(is, func(x se.Grant) bool { return same(x) && slices.Contains(x.Doors, d) })
		})
		if len(gone) > 0 {
			g.Doors = gone
			out = append(out, g)
		}
	}
	return out
}

func sameGrants(a, b *se.Principal) bool {
	return a != nil && b != nil && len(minus(a.Grants, b.Grants)) == 0 && len(minus(b.Grants, a.Grants)) == 0
}

// endOf is when a grant that is not held any more ended, by what the centre's people say; if they do not, when the centre
// first found it gone; now if it has not.
func endOf(p *se.Principal, g se.Grant, now int64) (end int64) {
	for _, x := range p.Grants {
		hit := x.Scope == g.Scope && x.Role == g.Role && x.To != 0 && x.To <= now &&
			(len(g.Doors) == 0 || slices.ContainsFunc(g.Doors, func(d string) bool { return slices.Contains(x.Doors, d) }))
		if hit && x.To > end {
			end = x.To
		}
	}
	switch {
	case end != 0:
		return end
	case g.To != 0:
		return g.To
	}
	return now
}

// finds notes at a Welcome which of the grants last shown are gone with no end on record: they ended now, whenever their
// person answers.
func (t *telling) finds(p *se.Principal, is []se.Grant, now int64) {
	t.shown = slices.Clone(t.shown)
	for i := range t.shown {
		g := &t.shown[i]
		if len(minus([]se.Grant{*g}, is)) == 0 {
			g.To = 0
		} else if g.To == 0 && endOf(p, *g, now) == now {
			g.To = now
		}
	}
}

func (o *oracle) telling(device string) *telling {
	if o.tellings[device] == nil {
		o.tellings[device] = &telling{}
	}
	return o.tellings[device]
}

// welcomes is called for each Welcome that leaves: it names what is lost, and nothing else.
func (o *oracle) welcomes(n *node, w *se.Welcome) {
	t, is := o.telling(n.id), frozen(n.principal, o.w.now).Grants
	lost := minus(t.shown, is)
	if a, b := (&se.Principal{Grants: lost}), (&se.Principal{Grants: w.Lost}); !sameGrants(a, b) {
		o.bad("P8", "%s lost %+v and is told %+v", n.id, lost, w.Lost)
	}
	if len(lost) == 0 {
		o.knows(n, is, 0)
		return
	}
	t.finds(n.principal, is, o.w.now)
}

// tells is called when a device's answer was recorded: from now on it knows.
func (o *oracle) tells(n *node, t se.Tell) {
	p := o.views[n.id][t.View]
	if t.Purged || n.principal.Revoked || !sameGrants(p, frozen(n.principal, o.w.now)) {
		return
	}
	o.knows(n, frozen(n.principal, o.w.now).Grants, t.N)
}

func (o *oracle) hasVerdict(device string, n int64) bool {
	_, ok := o.verdicts[se.WriteID{Device: device, N: n}]
	return ok
}

func (o *oracle) knows(n *node, is []se.Grant, last int64) {
	t := o.telling(n.id)
	for _, g := range minus(t.shown, is) {
		t.lost = append(t.lost, loss{g, last, endOf(n.principal, g, o.w.now), o.w.now})
		o.w.count("told of a grant's end")
	}
	t.lost = slices.DeleteFunc(t.lost, func(l loss) bool { return len(minus([]se.Grant{l.grant}, is)) == 0 })
	t.shown = is
}

// lateLife is how long after its end a grant counts for what was written before it: its role's days, or 90.
func (o *oracle) lateLife(role string) int64 {
	if days := o.schema.Roles[role].Offline; days > 0 {
		return int64(days) * dayMS
	}
	return 90 * dayMS
}

// living gives the grants by which changeset n of a device is judged when it arrives at now: those its person has, and
// those that he had for all he could know, unless they ended longer ago than their role may be offline.
func (o *oracle) living(n *node, number, now int64) []se.Grant {
	if n.principal.Revoked {
		return nil
	}
	is := activeAt(n.principal.Grants, now)
	out := slices.Clone(is)
	t := o.telling(n.id)
	add := func(g se.Grant, end int64) {
		if now-end <= o.lateLife(g.Role) {
			out = append(out, g)
		}
	}
	for _, g := range minus(t.shown, is) {
		add(g, endOf(n.principal, g, now))
	}
	for _, l := range t.lost {
		if number <= l.n {
			add(l.grant, l.end)
		}
	}
	return out
}

// shows tells whether somebody sees a row by one of his grants: an implementation of its own.
func shows(t *schema.Table, account string, grants []se.Grant, row *se.Row) bool {
	return slices.ContainsFunc(grants, func(g se.Grant) bool {
		view := t.Views[g.Role]
		if g.Scope != row.Scope || view == nil {
			return false
		}
		switch {
		case view.Rows == schema.RowsAll:
			return true
		case view.Rows == schema.RowsOwn, row.Door == "":
			return row.Author == account
		}
		return slices.Contains(g.Doors, row.Door)
	})
}

// fair compares verdicts with who had which grant when, by the world's own record. It is called once the rows of the
// transaction are known.
func (o *oracle) fair(list []judged) {
	for _, j := range list {
		d := o.devices[j.device]
		if d == nil || d.node.dev == nil || j.verdict.N > int64(len(d.sets)) {
			continue
		}
		s, v := d.sets[j.verdict.N-1], j.verdict
		revoked := v.Reason != nil && v.Reason.Code == se.CodeDeviceRevoked
		if revoked != d.node.principal.Revoked {
			o.bad("P8", "%v: its device is revoked: %v, its verdict is %v %+v", s.id, d.node.principal.Revoked, v.Kind, v.Reason)
		}
		if revoked {
			o.w.count("work of a revoked device parked")
			continue
		}
		o.entitled(d.node, s, &v)
	}
}

// entitled checks one verdict: what took effect its author might do, and what was parked for the end of a grant he
// might not.
func (o *oracle) entitled(n *node, s *set, v *se.Verdict) {
	now := o.arrived[s.id]
	grants := o.living(n, s.id.N, now)
	is := activeAt(n.principal.Grants, now)
	late, past, unclear := false, false, false
	for i := range s.changes {
		k := s.changes[i].key
		row, steady := o.place(&s.changes[i])
		dead := s.changes[i].op == se.OpDelete && v.Kind.Effective() && o.at(k, v.Seq-1) == nil // it had no effect
		if row == nil || !steady || dead {
			unclear = true
			continue
		}
		t := o.schema.Table(k.Table)
		ok := shows(t, n.account, grants, row)
		past = past || !ok
		late = late || ok && !shows(t, n.account, is, row)
		if !ok && v.Kind.Effective() {
			o.bad("P8", "%v took effect on %s %s in scope %s at door %q, which was not its author's any more: %+v, told %+v%s",
				s.id, k.Table, k.Row, row.Scope, row.Door, n.principal.Grants, *o.telling(n.id), o.story(s))
		}
	}
	ended := v.Reason != nil && v.Reason.Code == se.CodeGrantEnded
	switch {
	case ended && !past && !unclear && len(s.changes) > 0:
		o.bad("P8", "%v is parked because a grant ended, but its author had every right when he wrote it: %+v, told %+v%s", s.id, n.principal.Grants, *o.telling(n.id), o.story(s))
	case ended && o.tooLate(n, s.id.N, now):
		o.w.count("late work parked after its role's lifetime")
	case ended:
		o.w.count("work parked that was written after the end was known")
	case late && v.Kind.Effective():
		o.w.count("work written before a grant's end was known took effect")
	}
}

// promoted tells whether somebody who was a steward when he wrote is a worker when it arrives.
func (o *oracle) promoted(s *set) bool {
	n := o.devices[s.id.Device].node
	return slices.ContainsFunc(o.living(n, s.id.N, o.arrived[s.id]), func(g se.Grant) bool { return g.Role == roleWorker })
}

// tooLate tells whether some grant counts no more only because it ended too long ago.
func (o *oracle) tooLate(n *node, number, now int64) bool {
	t := o.telling(n.id)
	over := func(g se.Grant, end int64) bool {
		return now-end > o.lateLife(g.Role)
	}
	return slices.ContainsFunc(minus(t.shown, activeAt(n.principal.Grants, now)), func(g se.Grant) bool { return over(g, endOf(n.principal, g, now)) }) ||
		slices.ContainsFunc(t.lost, func(l loss) bool { return number <= l.n && over(l.grant, l.end) })
}

// place gives where the row of a change lies; steady is false if it, or what it belongs to, has lain elsewhere too.
func (o *oracle) place(ch *change) (row *se.Row, steady bool) {
	row, steady = o.lay(ch.key)
	t := o.schema.Table(ch.key.Table)
	for _, w := range ch.cells {
		if row != nil && t.Cells[w.cell].Name == schema.CellScope && w.vals[0].Str() != row.Scope {
			return row, false // it went along with what it belongs to
		}
	}
	return row, steady
}

func (o *oracle) lay(k replica.RowKey) (row *se.Row, steady bool) {
	for _, x := range o.versions[k] {
		if x.row != nil {
			row = x.row
		}
	}
	steady = len(o.lain[k]) == 1
	t := o.schema.Table(k.Table)
	if row == nil || t.Door == "" || t.Door == schema.DoorSelf {
		return row, steady
	}
	leader, same := o.lay(replica.RowKey{Table: t.Column(t.Door).Ref, Row: se.RowID(shown(t, row, t.Door).Str())})
	return row, steady && same && leader != nil
}

// reads tells whether a cell is shown, unmasked, in the view that a replica's rows are for. A right that its person has
// got since brings the values only with the next snapshot.
func (o *oracle) reads(d *watch, t *schema.Table, def *schema.Cell, k replica.RowKey, row replica.Image) bool {
	p := o.views[d.id][d.view]
	if p == nil {
		return true
	}
	scope := scopeOf(t, row)
	if x := o.at(k, d.cursor.Seq); x != nil {
		scope = x.Scope // not where its person has put it since
	}
	for _, c := range def.Columns {
		if !slices.ContainsFunc(p.Grants, func(g se.Grant) bool {
			v := t.Views[g.Role]
			return v != nil && g.Scope == scope && !slices.Contains(v.Hidden, c.Name) && v.Masks[c.Name] == schema.MaskNone
		}) {
			return false
		}
	}
	return true
}

// canaries gives the words of the world in a text: what the pattern \bw\d+\b finds, which would take far longer.
func canaries(text string) (out []string) {
	for i := 0; i < len(text); i++ {
		k := strings.IndexByte(text[i:], 'w')
		if k < 0 {
			break
		}
		i += k
		end := i + 1
		for end < len(text) && '0' <= text[end] && text[end] <= '9' {
			end++
		}
		if end > i+1 && (i == 0 || !wordly(text[i-1])) && (end == len(text) || !wordly(text[end])) {
			out = append(out, text[i:end])
		}
	}
	return out
}

func wordly(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_'
}

// lies notes in which rows the values of the world lie, or would.
func (o *oracle) lies(k replica.RowKey, values []schema.Value) {
	for _, v := range values {
		if v.Kind() != schema.KindText {
			continue
		}
		for _, word := range canaries(v.Str()) {
			if !slices.Contains(o.where[word], k) {
				o.where[word] = append(o.where[word], k)
			}
		}
	}
}

// hidden tells whether a word lies only in rows that a person with these grants never sees.
func (o *oracle) hidden(word, account string, grants []se.Grant) bool {
	rows, ok := o.where[word]
	return ok && !slices.ContainsFunc(rows, func(k replica.RowKey) bool {
		return slices.ContainsFunc(o.versions[k], func(x version) bool {
			return x.row != nil && shows(o.schema.Table(k.Table), account, grants, x.row)
		})
	})
}

// framed checks that no frame carries a value of a scope that its person does not have.
func (o *oracle) framed(n *node, d *se.Delta) {
	p := o.views[n.id][d.View]
	if p == nil {
		o.bad("P8", "%s is sent a frame of a view that its person never had", n.id)
		return
	}
	for i := range d.Items {
		for _, c := range d.Items[i].Cells {
			for _, v := range c.Values {
				for _, word := range canaries(v.String()) {
					if o.hidden(word, n.account, p.Grants) {
						o.bad("P8", "%s is sent %s of %s %s, in which its person has no grant", n.id, word, d.Items[i].Table, d.Items[i].Row)
					}
				}
			}
		}
	}
}

// greeted is called when a device took a Welcome: what is in its outbox by now it wrote before it knew.
func (o *oracle) greeted(n *node, w *se.Welcome) {
	if len(w.Lost) > 0 {
		_ = n.dev.View(func(tx replica.Tx) error {
			ctl, err := tx.Control()
			o.devices[n.id].drain = ctl.LastN
			return err
		})
	}
}

// purged is called when a replica says that nothing of what ended is left: everything written before has its verdict,
// and no value that its person may not see is anywhere in it.
func (o *oracle) purged(n *node, l *replica.Leaving) {
	d := o.devices[n.id]
	o.w.count("purged")
	var grants []se.Grant
	_ = n.dev.View(func(tx replica.Tx) error { // the oracle may not have looked since the last step
		ctl, err := tx.Control()
		if v := o.views[n.id][ctl.View]; v != nil && !l.Retire {
			grants = v.Grants
		}
		return err
	})
	for number := int64(1); number <= min(d.drain, int64(len(d.sets))); number++ {
		if s := d.sets[number-1]; s.verdict == nil {
			o.bad("P8", "%s has purged, and changeset %d of before is not drained", n.id, number)
		}
	}
	own := map[string]bool{} // written since: it is on its way to a supervisor
	for _, s := range d.sets[min(d.drain, int64(len(d.sets))):] {
		for i := range s.changes {
			for _, w := range s.changes[i].cells {
				for _, word := range canaries(fmt.Sprint(w.vals)) {
					own[word] = true
				}
			}
		}
	}
	if l.Retire {
		clear(own)
	}
	scan := func(what string, x any) {
		for _, word := range canaries(fmt.Sprintf("%+v", x)) {
			if !own[word] && o.hidden(word, n.account, grants) {
				o.bad("P8", "%s has purged, and %s is still in its %s; it lies in %v", n.id, word, what, o.where[word])
			}
		}
	}
	_ = n.dev.View(func(tx replica.Tx) error { o.everything(n, tx, scan); return nil })
	if m, ok := n.dev.(interface{ rest(func(string, any)) }); ok {
		m.rest(scan)
	}
}

// everything shows all that a replica holds, through its port.
func (o *oracle) everything(n *node, tx replica.Tx, scan func(string, any)) {
	for _, t := range o.schema.Tables {
		ids, _ := tx.RowIDs(t)
		for _, id := range ids {
			if row, _ := tx.Row(t, id); !n.rotten[replica.RowKey{Table: t.Name, Row: id}] {
				scan("rows", row)
			}
		}
		ids, _ = tx.UnderIDs(t)
		for _, id := range ids {
			if row, _, _ := tx.Under(t, id); !n.rotten[replica.RowKey{Table: t.Name, Row: id}] {
				scan("rows under pending edits", row)
			}
			list, _ := tx.Pending(t, id)
			scan("pending edits", list)
		}
	}
	staged, _ := tx.Staged()
	scan("staged frames", staged)
	lost, _ := tx.Lost()
	scan("rows set aside", lost)
	kept, _ := tx.KeptRows()
	for _, k := range kept {
		cells, _ := tx.Kept(k)
		scan("kept cells", cells)
	}
	for number := int64(1); number <= o.devices[n.id].lastN; number++ {
		if v, _ := tx.Verdict(number); v != nil && v.Reason != nil {
			scan("reasons", *v.Reason)
		}
		if cs, _ := tx.Body(number); cs != nil {
			scan("journal", cs.Changes)
		}
	}
}

// rest shows what a replica in memory holds beside that.
func (m *MemDevice) rest(scan func(string, any)) {
	scan("inbox", m.inbox)
	scan("record of repairs", m.mended)
	scan("captured changes", m.captured)
	for _, cs := range m.outbox {
		scan("outbox", cs.Changes)
	}
}

// ended says what still has to be done about grants that ended.
func (w *World) ended() (what string) {
	for _, n := range w.past {
		if !n.over {
			l := n.leaving()
			return fmt.Sprintf("%s is revoked and has not drained and purged: %+v, %d conns, online %v", n.id, l, len(n.conns), n.online)
		}
	}
	_ = w.store.View(func(tx se.ReadTx) error {
		for _, n := range w.nodes {
			told, err := tx.Told(n.id)
			if err != nil || told == nil {
				return err
			}
			for _, l := range told.Lost {
				if l.Purged == 0 {
					what = fmt.Sprintf("%s has given no receipt for %+v", n.id, l)
				}
			}
		}
		return nil
	})
	return what
}
