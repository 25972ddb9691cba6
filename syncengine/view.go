package syncengine

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"sort"
	"strconv"

	"github.com/doorstep-sync/doorstep/schema"
)

// views is what one principal sees and may write at one moment: his active grants, folded by scope.
type views struct {
	schema    *schema.Schema
	principal *Principal
	scopes    []string // sorted
	byScope   map[string]*scopeView
	id        string
	until     int64 // when the first of the grants ends; 0 = none does
}

// scopeView is a principal's roles and doors in one scope.
type scopeView struct {
	level schema.Level // "" = not known
	roles []string
	doors map[string]bool
	acc   map[string]*schema.Access // by table; nil entries are remembered too
	full  bool                      // everything may be read and written here
}

// newViews folds the grants that are active at now.
func newViews(s *schema.Schema, p *Principal, now int64) *views {
	return foldViews(s, p, p.Active(now))
}

// foldViews folds grants, whether or not they are active.
func foldViews(s *schema.Schema, p *Principal, grants []Grant) *views {
	v := &views{schema: s, principal: p, byScope: map[string]*scopeView{}}
	h := sha256.New()
	h.Write([]byte("doorstep.view.v1 " + strconv.Itoa(founded(s)) + " " + p.Account + "\n"))
	for _, g := range grants {
		sv := v.byScope[g.Scope]
		if sv == nil {
			sv = &scopeView{level: g.Level, doors: map[string]bool{}, acc: map[string]*schema.Access{}}
			v.byScope[g.Scope] = sv
			v.scopes = append(v.scopes, g.Scope)
		}
		if g.To != 0 && (v.until == 0 || g.To < v.until) {
			v.until = g.To
		}
		if !slices.Contains(sv.roles, g.Role) {
			sv.roles = append(sv.roles, g.Role)
		}
		for _, d := range g.Doors {
			sv.doors[d] = true
		}
		h.Write([]byte(g.Scope + " " + g.Role))
		for _, d := range g.Doors {
			h.Write([]byte(" " + d))
		}
		if r := s.Roles[g.Role]; r != nil && r.ViewsSince > 0 {
			h.Write([]byte(" @" + strconv.Itoa(r.ViewsSince)))
		}
		h.Write([]byte("\n"))
	}
	if p.Snapshots > 0 { // a view of its own: the replica's cursor is for another one, until it has taken this one whole
		h.Write([]byte("snapshot " + strconv.FormatInt(p.Snapshots, 10) + "\n"))
	}
	sort.Strings(v.scopes)
	v.id = hex.EncodeToString(h.Sum(nil)[:12])
	return v
}

// founded is the version of the declarations that view ids are made from. Newer ones change the id of a view only where
// a role sees something of what there was that it did not see, or the other way round: new columns and record types
// had nothing in them when they came, and a replica that does not know them keeps what it is sent. So a cursor
// outlives an upgrade of the centre.
func founded(s *schema.Schema) int {
	if s.Founded > 0 {
		return s.Founded
	}
	return s.Version
}

// in makes the id that of the view in an epoch. What is staged, or cached, of a view of an epoch that ended is of rows
// that may never have been: it must not pass for a part of this one's.
func (v *views) in(epoch int64) {
	if epoch > 1 {
		v.id += "@" + strconv.FormatInt(epoch, 10)
	}
}

// Active lists the grants that hold at an instant, in order of scope, role and doors. What is granted twice holds as long as
// the longer one, and is one grant: its view is the same whether one of them comes or goes.
func (p *Principal) Active(now int64) []Grant {
	var out []Grant
	if p.Revoked {
		return nil
	}
	for _, g := range p.Grants {
		if g.Active(now) {
			out = append(out, g)
		}
	}
	slices.SortStableFunc(out, func(a, b Grant) int {
		switch {
		case a.Scope != b.Scope && a.Scope < b.Scope, a.Scope == b.Scope && a.Role < b.Role:
			return -1
		case a.Scope == b.Scope && a.Role == b.Role:
			if by := slices.Compare(a.Doors, b.Doors); by != 0 || a.To == b.To {
				return by
			}
			return longer(a.To, b.To)
		}
		return 1
	})
	return slices.CompactFunc(out, func(a, b Grant) bool { return a.same(&b) })
}

// longer orders ends: the later one first, and no end before all.
func longer(a, b int64) int {
	if a == 0 || b != 0 && a > b {
		return -1
	}
	return 1
}

// same tells whether two grants allow the same while they hold.
func (g *Grant) same(o *Grant) bool {
	return g.Scope == o.Scope && g.Level == o.Level && g.Role == o.Role && slices.Equal(g.Doors, o.Doors)
}

// access gives what the principal may do with a record type in a scope, nil for nothing.
func (v *views) access(t *schema.Table, scope string) *schema.Access {
	sv := v.byScope[scope]
	if sv == nil {
		return nil
	}
	a, ok := sv.acc[t.Name]
	if !ok {
		if a = t.Access(sv.roles...); sv.full {
			a = t.FullAccess()
		}
		sv.acc[t.Name] = a
	}
	return a
}

// fits tells whether rows of a record type may live in a scope: at the level it is declared for.
func (v *views) fits(t *schema.Table, scope string) bool {
	sv := v.byScope[scope]
	return sv == nil || sv.level == "" || sv.level == t.Level
}

// shows tells whether a row with these properties is in the principal's view.
func (v *views) shows(t *schema.Table, scope, door, author string) bool {
	a := v.access(t, scope)
	switch {
	case a == nil:
		return false
	case a.Rows[schema.RowsAll]:
		return true
	case a.Rows[schema.RowsOwn] && author == v.principal.Account:
		return true
	case a.Rows[schema.RowsDoors]:
		if door == "" {
			return author == v.principal.Account
		}
		return v.byScope[scope].doors[door]
	}
	return false
}

func (v *views) showsRow(t *schema.Table, r *Row) bool { return v.shows(t, r.Scope, r.Door, r.Author) }

// cell gives what the principal sees of a cell of a row that he sees: columns hidden from him are NULL, masked ones
// masked. ok is false if he sees nothing of it.
func (v *views) cell(a *schema.Access, def *schema.Cell, c *Cell) (values []schema.Value, ok bool) {
	values = slices.Clone(c.Values(def))
	for i, col := range def.Columns {
		m, shown := a.Shows(col.Name)
		if !shown {
			values[i] = schema.Null()
			continue
		}
		ok = true
		values[i] = m.Apply(values[i])
	}
	return values, ok
}

// table gives a record type by a name that came from the network.
func (v *views) table(name string) *schema.Table { return v.schema.Table(name) }
