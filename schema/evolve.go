package schema

import (
	"encoding/json"
	"fmt"
	"slices"
)

// What declarations carry over from those that were in use before them. A centre keeps its declarations in its store
// and carries them on at each start (server/store); a schema that was only loaded carries nothing, and every method
// takes it as the first there ever was.

// Encode writes the model as JSON, without what Index computes, and with what was carried.
func (s *Schema) Encode() ([]byte, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("write declarations: %w", err)
	}
	return b, nil
}

// Decode reads what Encode wrote, and indexes it. It trusts its input: only a store's own text is handed to it.
func Decode(b []byte) (*Schema, error) {
	s := &Schema{}
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("read kept declarations: %w", err)
	}
	s.Index()
	return s, nil
}

// Carry gives a copy of next that knows what it takes over from prev: since which version a role sees what it sees of
// what there was before, and since which version a column can be demanded. prev is nil where nothing was in use.
// Check has allowed the change.
func Carry(prev, next *Schema) (*Schema, error) {
	b, err := next.Encode()
	if err != nil {
		return nil, err
	}
	s, err := Decode(b)
	if err != nil {
		return nil, err
	}
	if prev == nil {
		s.Founded = s.Version
		return s, nil
	}
	if s.Founded = prev.Founded; s.Founded == 0 {
		s.Founded = prev.Version
	}
	for name, r := range s.Roles {
		if old := prev.Roles[name]; old != nil {
			r.ViewsSince = old.ViewsSince
			if !sameViews(prev, s, name) {
				r.ViewsSince = s.Version
			}
		}
	}
	for _, t := range s.Tables {
		old := prev.Table(t.Name)
		for _, c := range t.Columns {
			if old != nil && c.Required {
				c.carryRequired(old.Column(c.Name), s.Version)
			}
		}
	}
	return s, nil
}

func (c *Column) carryRequired(old *Column, version int) {
	if old != nil && old.Required {
		c.RequiredSince = old.RequiredSince
		return
	}
	c.RequiredSince = version
}

// sameViews tells whether a role sees of everything that prev declares what it saw before. What is new needs no
// sending again: there was nothing of it.
func sameViews(prev, next *Schema, role string) bool {
	for _, old := range prev.Tables {
		t := next.Table(old.Name)
		if t == nil {
			return false
		}
		a, b := old.Views[role], t.Views[role]
		if (a == nil) != (b == nil) {
			return false
		}
		if a == nil {
			continue
		}
		if a.Rows != b.Rows {
			return false
		}
		for _, c := range old.Columns {
			if slices.Contains(a.Hidden, c.Name) != slices.Contains(b.Hidden, c.Name) || a.Masks[c.Name] != b.Masks[c.Name] {
				return false
			}
		}
	}
	return true
}

// Demands tells whether a changeset of a replica with that schema version must give the column in an insert, and may
// not empty it: an older program did not know that it would be asked for.
func (c *Column) Demands(version int) bool { return c.Required && c.RequiredSince <= version }

// same tells whether two models declare the same, whatever the files and lines they stand in.
func same(a, b *Schema) bool {
	x, errA := bare(a)
	y, errB := bare(b)
	return errA == nil && errB == nil && string(x) == string(y)
}

func bare(s *Schema) ([]byte, error) {
	b, err := s.Encode()
	if err != nil {
		return nil, err
	}
	var x any
	if err := json.Unmarshal(b, &x); err != nil {
		return nil, err
	}
	strip(x)
	return json.Marshal(x)
}

// strip takes out where things stand, the version, and what is carried.
func strip(x any) {
	switch x := x.(type) {
	case map[string]any:
		for _, name := range []string{"Source", "At", "Founded", "ViewsSince", "RequiredSince", "Version"} {
			delete(x, name)
		}
		for _, v := range x {
			strip(v)
		}
	case []any:
		for _, v := range x {
			strip(v)
		}
	}
}
