package simtest

import (
	"github.com/doorstep-sync/doorstep/schema"
	se "github.com/doorstep-sync/doorstep/syncengine"
	"github.com/doorstep-sync/doorstep/syncengine/replica"
)

// What follows is asked of every rewound world; one that is no year has none of it.

func (y *yearly) flag() string {
	if y == nil {
		return "-rewound"
	}
	return "-years"
}

func (y *yearly) first(s *schema.Schema) *schema.Schema {
	if y == nil {
		return s
	}
	return y.versions[0]
}

func (y *yearly) report(r *Report) {
	if y == nil {
		return
	}
	r.Faults = y.faults
	for _, p := range y.w.nodes {
		r.Years += p.tally.years()
		r.Lives = append(r.Lives, p.tally.String())
	}
}

// portion is how small the frames are in worlds where they are small.
func (y *yearly) portion() (int, se.Pages) {
	if y == nil {
		return 400, se.Pages{Items: 3, Frame: 300}
	}
	return 4000, se.Pages{Items: 20, Frame: 2000}
}

// door gives a place to work at; often one that a steward looks after.
func (y *yearly) door(p *handset, place se.RowID) se.RowID {
	if y == nil || len(y.w.places) == 0 || y.rng.IntN(2) == 0 {
		return place
	}
	id := y.w.places[y.rng.IntN(len(y.w.places))]
	if p.dev.rows[replica.RowKey{Table: "place", Row: id}] == nil {
		return place
	}
	return id
}

// reach is how much of the centre's past a restore may take away.
func (y *yearly) reach() int {
	if y == nil {
		return 25
	}
	return 300
}

func (y *yearly) keep(ms int64) int64 {
	if y == nil {
		return ms
	}
	return int64(y.between(16, 60)) * dayMS
}

func (y *yearly) desk(grants []se.Grant) []se.Grant {
	if y == nil {
		return grants
	}
	return append(grants, se.Grant{Scope: "B", Role: roleSupervisor})
}

func (y *yearly) edited(p *handset, statements int) {
	if y != nil {
		p.tally.edits += statements
	}
}

// habit makes new rows rare where there are many, so that people meet in those that are there.
func (y *yearly) habit(p *handset, k int) int {
	if y != nil && k == 15 && len(y.w.places) > 0 {
		return 8 // a steward's door stays
	}
	if y == nil || k >= 5 && k != 16 || len(p.dev.ids["family"]) < 12 || y.rng.IntN(15) == 0 {
		return k
	}
	return 5 + y.rng.IntN(9)
}

// scope gives one in which a phone's person works, as far as the phone knows.
func (y *yearly) scope(p *handset) Assign {
	at := "A"
	if y != nil && len(p.dev.ctl.Grants) > 0 {
		at = p.dev.ctl.Grants[y.rng.IntN(len(p.dev.ctl.Grants))].Scope
	}
	return Assign{schema.ColScope, schema.Text(at)}
}

// scopeOf gives the scope of a row that another is entered to.
func (p *handset) scopeOf(table string, id se.RowID, other Assign) Assign {
	row := p.dev.rows[replica.RowKey{Table: table, Row: id}]
	if p.w.year == nil || row == nil {
		return other
	}
	return Assign{schema.ColScope, value(p.w.schema.Table(table), row, schema.ColScope)}
}

// adds lets a transaction say what only newer apps know, and moves a row now and then.
func (y *yearly) adds(p *handset, x *Transaction) {
	if y == nil {
		return
	}
	for i := range x.Statements {
		st := &x.Statements[i]
		if st.Table != "family" || st.Verb == Delete || p.steward {
			continue
		}
		if p.version >= 1 && y.rng.IntN(3) == 0 {
			st.Set = append(st.Set, Assign{"extra", schema.Text(y.w.word())}, Assign{"paper", schema.Text(y.w.word())})
		}
		if p.version >= 2 && y.rng.IntN(3) == 0 {
			st.Set = append(st.Set, Assign{"langs", schema.Text(schema.FormatSet([]string{"zh"}))})
		}
		if st.Verb == Update && len(p.dev.ctl.Grants) > 1 && y.rng.IntN(20) == 0 {
			st.Set = append(st.Set, y.scope(p))
			y.w.count("year: row moved to a scope")
		}
	}
}
