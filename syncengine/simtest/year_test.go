package simtest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The first weeks of some years; `prove` runs whole ones. A seed replays bit for bit.
func TestFirstWeeksOfYears(t *testing.T) {
	for seed := range uint64(6) {
		r := RunYear(1+seed, 45)
		require.Empty(t, r.Finding)
		require.Zero(t, r.Years, "six weeks are no year")
		require.Positive(t, r.Sometimes["year: phone after"]*r.Sometimes["year: frame came twice"])
		if seed == 0 {
			require.Equal(t, r, RunYear(1+seed, 45), "the same seed is the same world")
		}
	}
}

// A year counts only with all that it holds.
func TestWhatAYearHolds(t *testing.T) {
	whole := func() *tally {
		return &tally{days: 250, offline: 12, longest: 14, kills: 100, jumps: 12, scopes: 4, updates: 2, full: 1, restores: 1, frames: 100, rough: 5}
	}
	require.Equal(t, 1, whole().years())
	for name, lacks := range map[string]func(*tally){
		"days": func(x *tally) { x.days-- }, "offline": func(x *tally) { x.offline-- }, "longest": func(x *tally) { x.longest-- },
		"kills": func(x *tally) { x.kills-- }, "jumps": func(x *tally) { x.jumps-- }, "scopes": func(x *tally) { x.scopes-- },
		"updates": func(x *tally) { x.updates-- }, "full": func(x *tally) { x.full-- }, "restores": func(x *tally) { x.restores-- },
		"rough": func(x *tally) { x.rough-- },
	} {
		x := whole()
		lacks(x)
		require.Zero(t, x.years(), name)
	}
	day := &tally{edits: dayEdits - 1}
	day.night()
	require.Zero(t, day.days, "a day of few edits is no working day")
}
