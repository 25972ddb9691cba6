package syncengine

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/doorstep-sync/doorstep/schema"
)

// placed is a row that the changeset wrote, as far as where it lives is concerned.
type placed struct {
	key  RowKey
	from string // scope that it left, "" if it stayed
	back bool   // it lives again
}

// leaderOf gives the reference by which rows of a record type belong to another row (schema.Schema.Leader).
func (g *ingest) leaderOf(t *schema.Table) *schema.Column { return g.engine.schema.Leader(t) }

// bound tells whether rows always live where the row lives that the reference names. Only what refers to a door itself
// is not: a household may be kept in another grid than the dwelling, and moves with it if it was in the same.
func (g *ingest) bound(col *schema.Column) bool { return g.engine.schema.Bound(col) }

// followAll lets rows live where what they belong to lives, once all changes are in: a household's people, visits and
// wishes are in its grid, wherever their writer saw it; a late step of a case lands in the case's present grid.
//
// What others belong to comes first: a household that its writer put elsewhere, and that its dwelling takes back in the
// same changeset, has not moved, and nor has what belongs to it.
func (g *ingest) followAll() error {
	slices.SortStableFunc(g.placed, func(a, b placed) int {
		return cmp.Compare(g.depth(a.key.Table), g.depth(b.key.Table))
	})
	for i := range g.placed {
		p := &g.placed[i]
		t := g.engine.schema.Table(p.key.Table)
		row, err := g.tx.Peek(p.key.Table, p.key.Row)
		if err != nil {
			return fmt.Errorf("read row: %w", err)
		}
		if row == nil {
			continue // deleted by the same changeset
		}
		from := p.from
		if col := g.leaderOf(t); col != nil && g.bound(col) {
			leader, err := g.tx.Peek(col.Ref, RowID(row.column(t, col.Name).Str()))
			if err != nil {
				return fmt.Errorf("read what a row belongs to: %w", err)
			}
			if leader != nil && leader.Scope != row.Scope {
				if from == "" {
					from = row.Scope
				}
				row = CopyRow(row)
				if err := g.lead(t, row, leader.Scope); err != nil {
					return err
				}
			}
		}
		if next := g.successor(row.Scope); next != "" {
			if from == "" {
				from = row.Scope
			}
			row = CopyRow(row)
			if err := g.lead(t, row, next); err != nil {
				return err
			}
		}
		if p.from != "" {
			if err := g.moveWorkflow(t, row); err != nil {
				return err
			}
		}
		if from != "" || p.back {
			if err := g.leadAll(t, row, from); err != nil {
				return err
			}
		}
	}
	return nil
}

// depth tells how many records stand above those of a type, each belonging to the next.
func (g *ingest) depth(table string) (n int) {
	s := g.engine.schema
	for col := s.Leader(s.Table(table)); col != nil && n < len(s.Tables); col = s.Leader(s.Table(col.Ref)) {
		n++
	}
	return n
}

// successor gives the scope that took over a closed one, "" if it is in use: whoever was offline when his grid was merged
// into another writes into the old one, and nobody would see it there. Nobody but people with a grant on it can.
func (g *ingest) successor(scope string) string { return g.reads.principal.Successors[scope] }

// leadAll takes along what belongs to a row that changed its scope, or lives again.
func (g *ingest) leadAll(t *schema.Table, row *Row, from string) error {
	for _, ref := range t.ReferredBy {
		if g.leaderOf(ref.Table) != ref.Column {
			continue
		}
		ids, err := g.tx.Referrers(ref.Table.Name, ref.Column.Name, row.ID)
		if err != nil {
			return fmt.Errorf("list what refers to a row: %w", err)
		}
		for _, id := range ids {
			r, err := g.tx.Row(ref.Table.Name, id)
			if err != nil {
				return err
			}
			if r == nil || r.Scope == row.Scope || !g.bound(ref.Column) && r.Scope != from {
				continue
			}
			was := r.Scope
			if err := g.lead(ref.Table, r, row.Scope); err != nil {
				return err
			}
			if err := g.leadAll(ref.Table, r, was); err != nil {
				return err
			}
		}
	}
	return nil
}

// lead moves one row into the scope of what it belongs to, with its conflicts. Its scope is then the centre's word.
func (g *ingest) lead(t *schema.Table, row *Row, scope string) error {
	if g.followed++; g.followed > maxFollowers {
		return reject(CodeTooLarge, &Change{Table: t.Name, Row: row.ID}, "", "followers")
	}
	if err := g.room(&Change{Table: t.Name, Row: row.ID}, scope); err != nil {
		return err
	}
	before := CopyRow(row)
	if row.Inserted != g.seq {
		if err := g.move(row); err != nil {
			return err
		}
	}
	if g.led == nil {
		g.led = map[RowKey]bool{}
	}
	g.led[RowKey{t.Name, row.ID}] = true
	row.Scope, row.Seq = scope, g.seq
	g.central(row, t.CellIndex(schema.CellScope), []schema.Value{schema.Text(scope)})
	if err := g.tx.PutRow(row); err != nil {
		return fmt.Errorf("put row of %s: %w", t.Name, err)
	}
	if err := g.cellConflicts(t, row, nil); err != nil {
		return err
	}
	if err := g.moveWorkflow(t, row); err != nil {
		return err
	}
	g.duplicates(t, row, before)
	return nil
}

// moveWorkflow moves the conflict about the late steps of a case with it.
func (g *ingest) moveWorkflow(t *schema.Table, row *Row) error {
	if t.StepsBy == nil {
		return nil
	}
	con, err := g.tx.OpenConflict(ConflictKey{ConflictWorkflow, t.Name, row.ID, ""})
	if err != nil || con == nil || con.Scope == row.Scope && con.Door == row.Door {
		return err
	}
	con.Scope, con.Door = row.Scope, row.Door
	return g.tx.PutConflict(con)
}
