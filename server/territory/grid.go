package territory

import (
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// live is a row of the source grid, as far as moving it is concerned.
type live struct {
	key    syncengine.RowKey
	door   syncengine.RowID
	author string
	refs   map[string]syncengine.RowID // by column
	state  string                      // cases: their state
	leader *live                       // what it belongs to, if that is in the grid too
	bound  bool                        // the leader decides alone where it lives
	holder bool                        // doors are in it: a building
	goes   bool
}

// grid is everything that lives in one, at one head.
type grid struct {
	schema *schema.Schema
	head   syncengine.Head
	rows   map[syncengine.RowKey]*live
	order  []*live                          // by last change
	his    func(scope string) (bool, error) // whether the planner works at the centre in a scope

	inside map[*live][]*live            // the doors in a row
	behind map[syncengine.RowID][]*live // what is here of a door that may live elsewhere than it, by the door's id
}

func newGrid(s *schema.Schema) *grid {
	return &grid{schema: s, his: func(string) (bool, error) { return false, nil }, rows: map[syncengine.RowKey]*live{}, inside: map[*live][]*live{}, behind: map[syncengine.RowID][]*live{}}
}

// readGrid reads the live rows of a scope.
func readGrid(s *schema.Schema, tx syncengine.ReadTx, scope string) (*grid, error) {
	g := newGrid(s)
	var err error
	if g.head, err = tx.Head(); err != nil {
		return nil, err
	}
	const page = 500
	for at := (syncengine.Position{}); ; {
		list, err := tx.Changed(scope, at, page)
		if err != nil {
			return nil, err
		}
		for i := range list {
			if r := list[i].Row; r != nil && s.Table(r.Table) != nil {
				g.take(s.Table(r.Table), r)
			}
		}
		if len(list) < page {
			break
		}
		at = syncengine.Position{Seq: list[page-1].Seq, Key: list[page-1].Key}
	}
	g.link()
	return g, nil
}

func (g *grid) take(t *schema.Table, r *syncengine.Row) {
	x := &live{key: syncengine.RowKey{Table: r.Table, Row: r.ID}, door: syncengine.RowID(r.Door), author: r.Author, refs: map[string]syncengine.RowID{}}
	for i, def := range t.Cells {
		values := r.Cells[i].Values(def)
		for j, col := range def.Columns {
			switch {
			case col.Type == schema.TypeRef && !values[j].IsNull():
				x.refs[col.Name] = syncengine.RowID(values[j].Str())
			case t.StepsBy != nil && col.Name == t.StepsBy.Steps.State && !values[j].IsNull():
				x.state = values[j].Str()
			}
		}
	}
	if g.rows[x.key] == nil {
		g.order = append(g.order, x)
	}
	g.rows[x.key] = x
}

// link finds what rows belong to, by the rules that the engine moves them by.
func (g *grid) link() {
	for _, x := range g.order {
		t := g.schema.Table(x.key.Table)
		if col := g.schema.Leader(t); col != nil {
			if x.leader = g.rows[syncengine.RowKey{Table: col.Ref, Row: x.refs[col.Name]}]; x.leader != nil {
				x.bound = g.schema.Bound(col)
			}
		}
		if t.Door == schema.DoorSelf {
			for _, col := range t.Columns {
				if h := g.rows[syncengine.RowKey{Table: col.Ref, Row: x.refs[col.Name]}]; col.Type == schema.TypeRef && h != nil && g.schema.Table(col.Ref).Door == "" {
					h.holder = true
				}
			}
		}
		if col := g.schema.Leader(t); col != nil && !g.schema.Bound(col) {
			g.behind[x.refs[col.Name]] = append(g.behind[x.refs[col.Name]], x)
		}
	}
	for _, x := range g.order {
		if g.isDoor(x) {
			for _, h := range g.held(x) {
				g.inside[h] = append(g.inside[h], x)
			}
		}
	}
}

func (g *grid) isDoor(x *live) bool { return g.schema.Table(x.key.Table).Door == schema.DoorSelf }

// loose tells whether a row is in the grid by nothing but its own word: no door, and nothing that it belongs to.
func (g *grid) loose(x *live) bool { return !g.isDoor(x) && x.leader == nil && !x.holder }

// held lists what a door is in, in the grid.
func (g *grid) held(door *live) (out []*live) {
	for _, id := range sorted(door.refs) {
		col := g.schema.Table(door.key.Table).Column(id)
		if h := g.rows[syncengine.RowKey{Table: col.Ref, Row: door.refs[id]}]; h != nil && h.holder {
			out = append(out, h)
		}
	}
	return out
}

// within lists the doors that are in a row.
func (g *grid) within(holder *live) []*live { return g.inside[holder] }

// owner is the row without a door that a row without a door is about: the patrol of a finding, the dispute of a session.
func (g *grid) owner(x *live) *live {
	for _, col := range g.schema.Table(x.key.Table).Columns {
		if col.Type != schema.TypeRef || !col.Required {
			continue
		}
		if o := g.rows[syncengine.RowKey{Table: col.Ref, Row: x.refs[col.Name]}]; o != nil && o != x && g.loose(o) {
			return o
		}
	}
	return nil
}

// spread lets go what belongs to what goes.
func (g *grid) spread() {
	for again := true; again; {
		again = false
		for _, x := range g.order {
			if !x.goes && (x.leader != nil && x.leader.goes || g.loose(x) && g.owner(x) != nil && g.owner(x).goes) {
				x.goes, again = true, true
			}
		}
	}
}

func sorted[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
