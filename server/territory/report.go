package territory

import (
	"cmp"
	"context"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/server/directory"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// Quiet is how long a phone may be unheard before the dry run names it.
const Quiet = 7 * 24 * 3600 * 1000 // ms

// Report is what a plan would do, found at one head.
type Report struct {
	Epoch, Seq  int64
	Doors       int // doors that move
	Left        int // doors that stay
	Moves       []Count
	Loose       []Loose
	Shared      []syncengine.RowID // what is in both grids then: buildings some of whose doors stay
	Stuck       []Count            // what the planner has no right to move
	Conflicts   int                // open ones on what moves
	Cases       []Count            // that are not closed yet
	Quarantined int                // refused changesets about what moves
	People      []Person
	Phones      []Phone // those to synchronise first
	PhonesAll   int     // phones of people with a grant on the source
	Staffing    []Staffed
}

// Count is how many rows of a record type.
type Count struct {
	Table string
	Rows  int
}

// Loose are the rows of one record type that belong to no door, and whose they are.
type Loose struct {
	Table   string
	Rows    int // all there are
	Goes    int // that the plan takes along
	Authors []Author
}

// Author wrote so many of them.
type Author struct {
	Account string
	Rows    int
}

// Person is somebody with an assignment to the source grid itself.
type Person struct {
	Account    string
	Role       string
	Assignment string
	Doors      int // all of the assignment
	Moving     int
	Effect     Effect
}

// Effect is what the plan means for an assignment.
type Effect string

// The effects.
const (
	Stays   Effect = "stays"    // nothing of his moves, or he works in the whole grid
	Moves   Effect = "moves"    // gets the target instead
	Both    Effect = "both"     // gets the target too
	Cut     Effect = "cut"      // loses the doors that move
	LosesIt Effect = "loses_it" // merge: his grid is closed and he gets no other
)

// Phone holds work that is not at the centre, or was not heard for long.
type Phone struct {
	Device      string
	Account     string
	Label       string
	LastContact int64 // 0 = never
	Waiting     int64
	Oldest      int64
	Silent      bool
}

// Staffed is a grid's households before and after.
type Staffed struct {
	Grid          string
	Before, After int
}

// report counts what was chosen.
func (g *grid) report(spec *Spec) Report {
	r := Report{Epoch: g.head.Epoch, Seq: g.head.Seq}
	moves, cases, loose := map[string]int{}, map[string]int{}, map[string]*Loose{}
	for _, x := range g.order {
		t := g.schema.Table(x.key.Table)
		if x.goes {
			moves[t.Name]++
			if t.StepsBy != nil && open(t.StepsBy.Steps, x.state) {
				cases[t.Name]++
			}
		}
		switch {
		case g.isDoor(x) && x.goes:
			r.Doors++
		case g.isDoor(x):
			r.Left++
		case g.loose(x):
			countLoose(loose, x)
		case x.holder && spec.Kind == Split && g.partly(x):
			r.Shared = append(r.Shared, x.key.Row)
		}
	}
	r.Moves, r.Cases = counts(moves), counts(cases)
	for _, name := range sorted(loose) {
		l := loose[name]
		slices.SortFunc(l.Authors, func(a, b Author) int { return cmp.Or(b.Rows-a.Rows, cmp.Compare(a.Account, b.Account)) })
		r.Loose = append(r.Loose, *l)
	}
	return r
}

func countLoose(all map[string]*Loose, x *live) {
	l := all[x.key.Table]
	if l == nil {
		l = &Loose{Table: x.key.Table}
		all[x.key.Table] = l
	}
	l.Rows++
	if x.goes {
		l.Goes++
	}
	i := slices.IndexFunc(l.Authors, func(a Author) bool { return a.Account == x.author })
	if i < 0 {
		i, l.Authors = len(l.Authors), append(l.Authors, Author{Account: x.author})
	}
	l.Authors[i].Rows++
}

// partly tells whether some of the doors in a row go and some do not.
func (g *grid) partly(holder *live) bool {
	goes, stays := false, false
	for _, d := range g.within(holder) {
		goes, stays = goes || d.goes, stays || !d.goes
	}
	return goes && stays
}

// open tells whether a case in that state may still go on.
func open(s *schema.Steps, state string) bool {
	for _, m := range s.Moves {
		if slices.Contains(m.From, state) {
			return true
		}
	}
	return false
}

func counts(m map[string]int) []Count {
	out := []Count{}
	for _, name := range sorted(m) {
		out = append(out, Count{name, m[name]})
	}
	return out
}

// waiting counts what waits for people about rows that move.
func (s *Service) waiting(ctx context.Context, tx syncengine.ReadTx, g *grid, spec *Spec, r *Report) error {
	goes := func(key syncengine.RowKey) bool {
		x := g.rows[key]
		return spec.Kind == Merge || x != nil && x.goes
	}
	const page = 500
	for after, more := "", true; more; {
		ids, err := s.Queue.Conflicts(ctx, []string{spec.Source}, true, after, page)
		if err != nil {
			return err
		}
		for _, id := range ids {
			con, err := tx.Conflict(id)
			if err != nil {
				return err
			}
			if after = id; con != nil && goes(syncengine.RowKey{Table: con.Key.Table, Row: con.Key.Row}) {
				r.Conflicts++
			}
		}
		more = len(ids) == page
	}
	for after, more := (syncengine.WriteID{}), true; more; {
		ids, err := s.Queue.Quarantine(ctx, []string{spec.Source}, true, 0, after, page)
		if err != nil {
			return err
		}
		for _, id := range ids {
			q, err := tx.Quarantined(id.Device, id.N)
			if err != nil {
				return err
			}
			if after = id; q != nil && concerns(q.Changeset, g, goes) {
				r.Quarantined++
			}
		}
		more = len(ids) == page
	}
	return nil
}

// concerns tells whether a changeset changes, or refers to, a row that goes.
func concerns(cs *syncengine.Changeset, g *grid, goes func(syncengine.RowKey) bool) bool {
	for i := range cs.Changes {
		c := &cs.Changes[i]
		if goes(syncengine.RowKey{Table: c.Table, Row: c.Row}) {
			return true
		}
		t := g.schema.Table(c.Table)
		if t == nil {
			continue
		}
		for _, w := range c.Cells {
			def := t.Cell(w.Cell)
			if def == nil || len(w.Values) != len(def.Columns) {
				continue
			}
			for j, col := range def.Columns {
				if col.Type == schema.TypeRef && !w.Values[j].IsNull() && goes(syncengine.RowKey{Table: col.Ref, Row: syncengine.RowID(w.Values[j].Str())}) {
					return true
				}
			}
		}
	}
	return false
}

// people tells what the plan means for assignments to the source itself.
func (s *Service) people(g *grid, spec *Spec, all []directory.Assignment, r *Report) {
	for _, a := range all {
		role := s.Directory.Roles()[a.Role]
		if a.Scope != spec.Source || role == nil {
			continue
		}
		p := Person{Account: a.Account, Role: a.Role, Assignment: a.ID, Doors: len(a.Doors), Effect: Stays}
		for _, d := range a.Doors {
			if g.doorGoes(syncengine.RowID(d)) {
				p.Moving++
			}
		}
		named := slices.Contains(spec.Workers, a.Account)
		keeps := role.Doors && spec.Stewards && p.Moving > 0 || !role.Doors && named
		switch {
		case keeps && (spec.Kind == Merge || role.Doors && p.Moving == p.Doors):
			p.Effect = Moves
		case keeps:
			p.Effect = Both
		case spec.Kind == Merge:
			p.Effect = LosesIt
		case p.Moving > 0:
			p.Effect = Cut
		}
		r.People = append(r.People, p)
	}
}

func (g *grid) doorGoes(id syncengine.RowID) bool {
	for _, t := range g.schema.Tables {
		if t.Door == schema.DoorSelf {
			if x := g.rows[syncengine.RowKey{Table: t.Name, Row: id}]; x != nil {
				return x.goes
			}
		}
	}
	return false
}

// phones names those of people with a grant on the source that hold unsent work, or were not heard for long.
func (s *Service) phones(ctx context.Context, all []directory.Assignment, r *Report) error {
	seen := map[string]bool{}
	for _, a := range all {
		if seen[a.Account] {
			continue
		}
		seen[a.Account] = true
		list, err := s.Directory.Devices(ctx, a.Account, "", -1)
		if err != nil {
			return err
		}
		for _, v := range list {
			if v.Console || v.RevokedAt != 0 {
				continue
			}
			r.PhonesAll++
			silent := v.LastContact < s.millis()-Quiet
			if v.Waiting > 0 || silent {
				r.Phones = append(r.Phones, Phone{v.ID, v.Account, v.Label, v.LastContact, v.Waiting, v.Oldest, silent})
			}
		}
	}
	slices.SortFunc(r.Phones, func(a, b Phone) int {
		return cmp.Or(cmp.Compare(b.Waiting, a.Waiting), cmp.Compare(a.LastContact, b.LastContact), cmp.Compare(a.Device, b.Device))
	})
	return nil
}

// stuck counts what the planner's roles may not move by a change of its own.
func (s *Service) stuck(g *grid, roles []string, r *Report) {
	stuck := map[string]int{}
	for _, x := range g.order {
		if !g.alone(x) {
			continue
		}
		t := g.schema.Table(x.key.Table)
		if a := t.Access(roles...); a == nil || !a.Rows[schema.RowsAll] || !a.MayUpdate(t.Cell(schema.CellScope)) {
			stuck[t.Name]++
		}
	}
	r.Stuck = counts(stuck)
}

// staffing counts the households of both grids before and after.
func (s *Service) staffing(tx syncengine.ReadTx, g *grid, spec *Spec, r *Report) error {
	if s.Household == "" {
		return nil
	}
	goes, stays := 0, 0
	for _, x := range g.order {
		switch {
		case x.key.Table != s.Household:
		case x.goes:
			goes++
		default:
			stays++
		}
	}
	there, err := readGrid(s.Schema, tx, spec.Target)
	if err != nil {
		return err
	}
	have := 0
	for _, x := range there.order {
		if x.key.Table == s.Household {
			have++
		}
	}
	if spec.Kind == Split {
		r.Staffing = append(r.Staffing, Staffed{spec.Source, goes + stays, stays})
	}
	r.Staffing = append(r.Staffing, Staffed{spec.Target, have, have + goes})
	return nil
}
