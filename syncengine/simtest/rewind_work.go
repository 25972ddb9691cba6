package simtest

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// word is a text that was written once in a world: where it turns up, that write is.
type word struct {
	text string
	n    int64 // of the changeset on the replica that wrote it
}

// spot is where words are written.
type spot struct {
	key  replica.RowKey
	cell string
}

// addition is a change of a sum.
type addition struct {
	family se.RowID
	by     int64
}

// ledger is the oracle's own record of who saw what in reviewed cells.
type ledger struct {
	writes   map[string]*entry
	made     []replica.RowKey
	deleted  map[string]bool     // words that somebody saw who deleted their row
	adds     map[string]addition // by a word of the same changeset
	adding   addition            // by the transaction that is being made
	restored bool
	judged   map[string]int // by a word: what was done to the centre when it was handed in
}

// entry is one write of a reviewed cell.
type entry struct {
	key  replica.RowKey
	cell string
	saw  map[string]bool // words that its author had before him in that cell, and what those had
}

func newLedger() ledger {
	return ledger{judged: map[string]int{}, writes: map[string]*entry{}, deleted: map[string]bool{}, adds: map[string]addition{}}
}

func (w *rewound) word() string {
	w.words++
	return fmt.Sprintf("w%d", w.words)
}

func (w *rewound) rowID() se.RowID {
	w.ids++
	return se.RowID(fmt.Sprintf("%08x-0000-7000-8000-%012x", uint32(w.rng.Uint64()), w.ids))
}

// work is one transaction of a program on the replica.
func (p *handset) work() {
	w := p.w
	if len(p.dev.captured) > 0 { // a word that is overwritten before it is sealed was never said
		dead, err := p.run(func() error { _, err := p.end.Hello(); return err })
		if dead || p.full(err) {
			return
		}
		if err != nil {
			w.wrong("seal: %v", err)
		}
	}
	var x Transaction
	var words, deletes []string
	var made []replica.RowKey
	added := ""
	note := func(table string, id se.RowID) Assign {
		t := w.word()
		e := &entry{key: replica.RowKey{Table: table, Row: id}, cell: w.reviewed(table), saw: map[string]bool{}}
		p.sight(e)
		w.ledger.writes[t] = e
		words = append(words, t)
		return Assign{w.reviewed(table), w.said(table, id, t)}
	}
	pick := func(table string) se.RowID {
		if ids := p.dev.ids[table]; len(ids) > 0 {
			return ids[w.rng.IntN(len(ids))]
		}
		return ""
	}
	add := func(verb Verb, table string, id se.RowID, set ...Assign) {
		switch verb {
		case Insert:
			made = append(made, replica.RowKey{Table: table, Row: id})
		case Delete:
			e := &entry{key: replica.RowKey{Table: table, Row: id}, cell: w.reviewed(table), saw: map[string]bool{}}
			p.sight(e)
			for text := range e.saw {
				deletes = append(deletes, text)
			}
		}
		x.Statements = append(x.Statements, Statement{verb, table, id, set})
	}
	scope := w.year.scope(p)
	place, family, matter := w.year.door(p, pick("place")), pick("family"), pick("matter")
	w.ledger.adding = addition{}
	switch k := w.year.habit(p, w.rng.IntN(20)); {
	case p.steward:
		p.stewardWorks(&x, note, add)
	case place == "" || k < 2:
		id := w.rowID()
		if w.habits.twins {
			add(Insert, "place", id, scope, w.address(), note("place", id))
		} else {
			add(Insert, "place", id, scope, note("place", id))
		}
	case family == "" || k < 5:
		id := w.rowID()
		add(Insert, "family", id, p.scopeOf("place", place, scope), Assign{"place_id", schema.Text(string(place))}, note("family", id), Assign{"calls", schema.Int(1)},
			Assign{"tags", schema.Text(schema.FormatSet([]string{"a"}))})
		w.ledger.adding = addition{id, 1}
	case k < 7:
		set := []Assign{note("place", place)}
		if w.habits.twins && w.dice.IntN(4) == 0 {
			set = append(set, w.address())
		}
		add(Update, "place", place, set...)
	case k < 12:
		add(Update, "family", family, note("family", family))
	case k < 14:
		set := []string{string(rune('a' + w.rng.IntN(4))), string(rune('a' + w.rng.IntN(4)))}
		slices.Sort(set)
		add(Update, "family", family, Assign{"tags", schema.Text(schema.FormatSet(slices.Compact(set)))}, Assign{"risk", schema.Int(w.rng.Int64N(9))},
			Assign{"phone", schema.Text(w.word())}, w.sum(p, family, w.rng.Int64N(9)))
		added = fmt.Sprintf("w%d", w.words)
	case k < 15:
		add(Delete, "family", family)
	case k < 16 && w.chance(3):
		add(Delete, "place", place)
	case matter == "" || k < 17:
		id := w.rowID()
		add(Insert, "matter", id, p.scopeOf("family", family, scope), Assign{"family_id", schema.Text(string(family))}, note("matter", id))
	case k < 19:
		p.take(&x, matter, p.scopeOf("matter", matter, scope))
	default:
		add(Update, "matter", matter, note("matter", matter))
	}
	w.year.adds(p, &x)
	x.Foreign = w.chance(6)
	p.committed = false
	dead, err := p.run(func() error { return p.dev.Exec(x, p.clock.read(w.now)) })
	if !p.committed && (dead || err != nil) {
		for _, t := range words {
			delete(w.ledger.writes, t)
		}
		switch {
		case errors.Is(err, ErrLocked):
			w.count("locked by its lease: its clock was set")
		case err != nil && !p.full(err) && !p.refused(&x, err):
			w.wrong("%s: %v", p.dev.ctl.Device, err)
		}
		return
	}
	w.year.edited(p, len(x.Statements))
	w.ledger.made = append(w.ledger.made, made...)
	for _, text := range deletes {
		w.ledger.deleted[text] = true
	}
	n := p.dev.ctl.LastN
	if len(p.dev.captured) > 0 {
		n++
	}
	if added != "" {
		w.ledger.adds[added] = w.ledger.adding
		w.ledger.adding = addition{}
	}
	for _, t := range words {
		at := spot{w.ledger.writes[t].key, w.ledger.writes[t].cell}
		p.tokens, p.said[at] = append(p.tokens, word{t, n}), append(p.said[at], t)
		if w.ledger.adding.family != "" {
			w.ledger.adds[t] = w.ledger.adding
		}
	}
}

// sight notes what somebody has before him who writes a row's reviewed cell: what it shows, and what his own replica wrote
// there before.
func (p *handset) sight(e *entry) {
	w := p.w
	if row := p.dev.rows[e.key]; row != nil && w.schema.Table(e.key.Table).CellOf(e.cell) != nil {
		if v := value(w.schema.Table(e.key.Table), row, e.cell); !v.IsNull() {
			w.ledger.sees(e, w.heard(e.key.Table, e.key.Row, v))
		}
	}
	for _, own := range p.said[spot{e.key, e.cell}] { // earlier writes of one's own replica count as seen
		w.ledger.sees(e, own)
	}
}

// take adds a guarded step that follows the last one the replica shows.
func (p *handset) take(x *Transaction, matter se.RowID, scope Assign) {
	w := p.w
	t, m := w.schema.Table("move"), w.schema.Table("matter")
	last, number := se.RowID(""), int64(-1)
	for _, id := range p.dev.ids["move"] {
		row := p.dev.rows[replica.RowKey{Table: "move", Row: id}]
		if value(t, row, "matter_id").Str() != string(matter) {
			continue
		}
		n := value(t, row, "number").Int64()
		if n == 0 {
			n = 1000 // one's own on its way
		}
		if n > number {
			last, number = id, n
		}
	}
	state := value(m, p.dev.rows[replica.RowKey{Table: "matter", Row: matter}], "state").Str()
	for _, step := range slices.Sorted(maps.Keys(t.Steps.Moves)) {
		if slices.Contains(t.Steps.Moves[step].From, state) || state == "" && step == "claim" {
			set := []Assign{scope, {"matter_id", schema.Text(string(matter))}, {"step", schema.Text(step)}}
			if last != "" {
				set = append(set, Assign{"follows_id", schema.Text(string(last))})
			}
			x.Statements = append(x.Statements, Statement{Insert, "move", w.rowID(), set})
			return
		}
	}
}

// sees notes that a write's author had another one before him, and all that that one's had.
func (l *ledger) sees(e *entry, text string) {
	o := l.writes[text]
	if o == nil || e.saw[text] {
		return
	}
	e.saw[text] = true
	for t := range o.saw {
		e.saw[t] = true
	}
}

// clone copies a replica as it is on the disk.
func (m *MemDevice) clone() *MemDevice {
	c := *m
	c.hook, c.undo, c.touched, c.found = nil, nil, nil, nil
	c.rows, c.under, c.pending, c.filed, c.kept = maps.Clone(m.rows), maps.Clone(m.under), maps.Clone(m.pending), maps.Clone(m.filed), maps.Clone(m.kept)
	c.ids = map[string][]se.RowID{}
	for t, list := range m.ids {
		c.ids[t] = slices.Clone(list)
	}
	c.captured, c.outbox, c.lost = slices.Clone(m.captured), slices.Clone(m.outbox), slices.Clone(m.lost)
	c.staged, c.inbox = slices.Clone(m.staged), slices.Clone(m.inbox)
	return &c
}
