package workload

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// shown is a database that shows exactly these changesets, as far as the rows of some are concerned.
func shown(some []Mark, applied map[Mark]bool) State {
	all, out := expected(applied), State{hazards: map[string]hazard{}, wishes: map[string]bool{}}
	for _, m := range some {
		for _, r := range m.Rows() {
			if h, ok := all.hazards[string(r.ID)]; ok {
				out.hazards[string(r.ID)] = h
			}
			if all.wishes[string(r.ID)] {
				out.wishes[string(r.ID)] = true
			}
		}
	}
	out.supporters, out.notes = all.supporters, Mark{1, 1}.Token()
	return out
}

// TestCheckPart: looking at the newest changesets alone sees what looking at all would.
func TestCheckPart(t *testing.T) {
	applied := map[Mark]bool{{Who: Desk, N: 1}: true}
	for n := int64(1); n <= 9; n++ {
		applied[Mark{1, n}], applied[Mark{2, n}] = true, true
	}
	var some []Mark
	for n := int64(6); n <= 11; n++ {
		some = append(some, Mark{1, n}, Mark{2, n})
	}
	took := func(m Mark) bool { return applied[m] }
	check := func(change func(*State)) Faults {
		s := shown(some, applied)
		change(&s)
		return s.CheckPart(some, took, 18)
	}
	whole := check(func(*State) {})
	require.True(t, whole.Ok(), "%s", &whole)
	row := func(m Mark) string { return string(m.Rows()[0].ID) }
	torn := check(func(s *State) { delete(s.hazards, row(Mark{2, 9})) })
	require.NotEmpty(t, torn.Torn, "a row is missing")
	lost := check(func(s *State) {
		for _, r := range (Mark{1, 8}).Rows() {
			delete(s.hazards, string(r.ID))
		}
	})
	require.NotEmpty(t, lost.Lost, "all of one is missing")
	early := check(func(s *State) { s.hazards[row(Mark{1, 10})] = hazard{Mark{1, 10}.Token(), 0.5} })
	require.False(t, early.Ok(), "a row that nobody said took effect")
	gone := check(func(s *State) { s.wishes[string(Mark{2, 7}.temporary())] = true })
	require.NotEmpty(t, gone.Torn, "a row is back that was deleted")
	kept := check(func(s *State) { delete(s.wishes, string(Mark{2, 9}.temporary())) })
	require.NotEmpty(t, kept.Torn, "a row is deleted too early")
	twice := check(func(s *State) { s.supporters++ })
	require.False(t, twice.Ok(), "one counted twice")
}
