package store

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/doorstep-sync/doorstep/schema"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// Principal implements syncengine.ReadTx. It is read once in a transaction.
func (t *readTx) Principal(device string) (*syncengine.Principal, error) {
	p, known := t.principals[device]
	if !known {
		if t.known != nil {
			p = t.known.of(device, t.began).principal
		}
		if p == nil {
			var err error
			if p, err = t.readPrincipal(device); err != nil {
				return nil, fmt.Errorf("read rights of device: %w", err)
			}
			if p != nil && t.known != nil {
				t.known.keep(device, partPrincipal, t.began, func(a *acquaintance) { a.principal = p })
			}
		}
		t.principals[device] = p
	}
	if p == nil {
		return nil, nil
	}
	out := *p
	out.Grants, out.Successors = slices.Clone(p.Grants), maps.Clone(p.Successors)
	for i := range out.Grants {
		out.Grants[i].Doors = slices.Clone(out.Grants[i].Doors)
	}
	return &out, nil
}

func (t *readTx) readPrincipal(device string) (p *syncengine.Principal, err error) {
	_, err = t.one(func(r row) error {
		p = &syncengine.Principal{
			Account: r.str(0), Device: device, Console: r.bool(1),
			Revoked:   r.bool(2) || r.bool(3) || !r.bool(4) || r.bool(6), // a device whose account is not there may nothing
			Erase:     r.bool(6),
			Erased:    r.int(6),
			Snapshots: r.int(5),
		}
		return nil
	}, `SELECT d.account, d.console, d.revoked_at, a.disabled_at, a.id IS NOT NULL, d.snapshots, d.erased_at FROM device d
		LEFT JOIN account a ON a.county = d.county AND a.id = d.account WHERE d.county = CAST($1 AS INTEGER) AND d.id = CAST($2 AS TEXT)`, t.s.county, device)
	if p == nil || err != nil {
		return nil, err
	}
	if p.Minimum, err = t.minimum(); err != nil {
		return nil, err
	}
	p.Grants, err = t.grants(p)
	return p, err
}

// minimum reads the oldest version that the county serves.
func (t *readTx) minimum() (m syncengine.Minimum, err error) {
	var kept struct {
		Schema int    `json:"schema"`
		App    string `json:"app"`
		From   int64  `json:"from"`
	}
	found, err := t.one(func(r row) error { return json.Unmarshal([]byte(r.str(0)), &kept) },
		`SELECT value FROM settings WHERE county = $1 AND key = 'minimum'`, t.s.county)
	if err != nil || !found {
		return m, err
	}
	return syncengine.Minimum(kept), nil
}

// held is an assignment in one of the units it holds for, during [from, to).
type held struct {
	scope, name, level, role string
	next                     string // unit that took this one over
	doors                    []string
	from, to                 int64
}

// grants expands the person's assignments to every unit below theirs. No clock is asked: a unit's own validity
// bounds the grant, and whoever uses the grant knows the time.
func (t *readTx) grants(p *syncengine.Principal) ([]syncengine.Grant, error) {
	var all []held
	err := t.query(func(r row) error {
		h := held{scope: r.str(0), name: r.str(1), role: r.str(2), from: max(r.int(4), r.int(6)), to: end(r.int(5), r.int(7)), level: r.str(8), next: r.str(9)}
		if text := r.str(3); text != "" {
			if err := json.Unmarshal([]byte(text), &h.doors); err != nil {
				return fmt.Errorf("the doors of an assignment in %s are not a list of ids: %w", h.scope, err)
			}
		}
		if h.from < h.to {
			all = append(all, h)
		}
		return nil
	}, `WITH RECURSIVE reach (id, role, doors, valid_from, valid_to, code) AS (
			SELECT id, role, doors, valid_from, valid_to, scope FROM assignment WHERE county = CAST($1 AS INTEGER) AND account = CAST($2 AS TEXT)
			UNION
			SELECT r.id, r.role, r.doors, r.valid_from, r.valid_to, u.code FROM reach r
			JOIN org_unit u ON u.county = CAST($3 AS INTEGER) AND u.parent = r.code
		)
		SELECT u.code, u.name, r.role, r.doors, r.valid_from, r.valid_to, u.valid_from, u.valid_to, u.level, coalesce(u.successor, '') FROM reach r
		JOIN org_unit u ON u.county = CAST($4 AS INTEGER) AND u.code = r.code ORDER BY u.code, r.role, r.id`,
		t.s.county, p.Account, t.s.county, t.s.county)
	if err != nil {
		return nil, err
	}
	for _, h := range all {
		if h.next == "" || p.Successors[h.scope] != "" {
			continue
		}
		if err := t.last(&h.next); err != nil {
			return nil, err
		}
		if p.Successors == nil {
			p.Successors = map[string]string{}
		}
		p.Successors[h.scope] = h.next
	}
	return merge(all), nil
}

// last follows successors to the one that is in use.
func (t *readTx) last(code *string) error {
	for range 20 {
		if *code == "" {
			return nil
		}
		next := ""
		if _, err := t.one(func(r row) error { next = r.str(0); return nil },
			`SELECT coalesce(successor, '') FROM org_unit WHERE county = $1 AND code = $2`, t.s.county, *code); err != nil || next == "" {
			return err
		}
		*code = next
	}
	return nil
}

// end is the earlier of two ends, of which NULL and 0 are never.
func end(a, b int64) int64 {
	if a == 0 {
		a = math.MaxInt64
	}
	if b == 0 {
		b = math.MaxInt64
	}
	return min(a, b)
}

// merge gives at any instant at most one grant for a scope and role. Where assignments overlap, the time is cut at
// their borders, and each piece has the doors of those that hold in it: joined as they are, a list of doors would
// live as long as the longest of them. all is sorted by scope, then role.
func merge(all []held) []syncengine.Grant {
	var out []syncengine.Grant
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].scope == all[0].scope && all[n].role == all[0].role {
			n++
		}
		out = append(out, pieces(all[:n])...)
		all = all[n:]
	}
	slices.SortStableFunc(out, func(a, b syncengine.Grant) int {
		return cmp.Or(strings.Compare(a.Scope, b.Scope), strings.Compare(a.Role, b.Role))
	})
	return out
}

// pieces cuts assignments of one scope and role into grants that do not overlap, oldest first.
func pieces(same []held) (out []syncengine.Grant) {
	var borders []int64
	for _, h := range same {
		borders = append(borders, h.from, h.to)
	}
	slices.Sort(borders)
	borders = slices.Compact(borders)
	for i := 0; i+1 < len(borders); i++ {
		g := syncengine.Grant{Scope: same[0].scope, Name: same[0].name, Level: schema.Level(same[0].level), Role: same[0].role, From: borders[i], To: borders[i+1]}
		holds := false
		for _, h := range same {
			if h.from <= g.From && g.To <= h.to {
				holds = true
				g.Doors = append(g.Doors, h.doors...)
			}
		}
		if !holds {
			continue
		}
		slices.Sort(g.Doors)
		g.Doors = slices.Compact(g.Doors)
		if g.To == math.MaxInt64 {
			g.To = 0
		}
		if last := len(out) - 1; last >= 0 && out[last].To == g.From && slices.Equal(out[last].Doors, g.Doors) {
			out[last].To = g.To
			continue
		}
		out = append(out, g)
	}
	return out
}
