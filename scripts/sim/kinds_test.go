package main

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/prove/figures"
)

// TestGoalIsEveryState: a state that two kinds list counts once, and one that is missed misses the goal.
func TestGoalIsEveryState(t *testing.T) {
	seen := map[string]bool{}
	own := 0
	for _, k := range kinds {
		for _, state := range k.states {
			seen[state] = true
		}
		own += len(k.own())
	}
	require.Equal(t, len(seen), own)
	i := slices.IndexFunc(figures.Goals, func(g figures.Goal) bool { return g.Name == figures.States })
	require.Equal(t, figures.Goals[i].Least, own, "set the goal in scripts/prove/figures/goals.go to what is listed")
}
