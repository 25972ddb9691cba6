package figures_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/scripts/prove/figures"
)

func TestFiguresAddUp(t *testing.T) {
	file := filepath.Join(t.TempDir(), "figures")
	t.Setenv(figures.File, "") // also while figures are collected
	require.NoError(t, figures.Note(figures.Kills, 1), "alone a proof notes nothing")
	t.Setenv(figures.File, file)
	none, err := figures.Read(file)
	require.NoError(t, err)
	require.Empty(t, none)
	for range 2 {
		require.NoError(t, figures.Note(figures.Kills, 100))
	}
	require.NoError(t, figures.Note(figures.Lost, 0))
	require.Error(t, figures.Note("kils", 1))
	noted, err := figures.Read(file)
	require.NoError(t, err)
	require.Equal(t, map[string]int{figures.Kills: 200, figures.Lost: 0}, noted)
	require.NoError(t, os.WriteFile(file, []byte("many\tkills\n"), 0o600))
	_, err = figures.Read(file)
	require.ErrorContains(t, err, "no figure")
}

func TestGoals(t *testing.T) {
	least, none := figures.Goal{Name: "a", Least: 2}, figures.Goal{Name: "b", None: true}
	require.False(t, least.Kept(map[string]int{"a": 1}))
	require.True(t, least.Kept(map[string]int{"a": 2}))
	require.False(t, none.Kept(nil), "a proof that did not run has shown nothing")
	require.True(t, none.Kept(map[string]int{"b": 0}))
	require.False(t, none.Kept(map[string]int{"b": 1}))
	told := figures.Goal{Name: "c", Told: true, Most: 10}
	require.False(t, told.Kept(nil), "what was not measured is missed")
	for n, above := range map[int]bool{10: false, 11: true} {
		require.True(t, told.Kept(map[string]int{"c": n}))
		require.Equal(t, above, told.Above(map[string]int{"c": n}))
	}
	most := figures.Goal{Name: "d", Most: 3}
	require.False(t, most.Kept(nil))
	require.True(t, most.Kept(map[string]int{"d": 0}))
	require.True(t, most.Kept(map[string]int{"d": 3}))
	require.False(t, most.Kept(map[string]int{"d": 4}))
	require.False(t, least.Above(map[string]int{"a": 11}))
}

func TestGoalsOfALongRun(t *testing.T) {
	long, names := figures.OfLong(), map[string]bool{}
	for i := range long {
		require.False(t, names[long[i].Name], long[i].Name)
		names[long[i].Name] = true
	}
	for _, g := range figures.Goals {
		require.True(t, names[g.Name], g.Name)
	}
	for _, g := range figures.Long {
		require.Contains(t, names, g.Name)
	}
	kills := long[slices.IndexFunc(long, func(g figures.Goal) bool { return g.Name == figures.Kills })]
	require.Equal(t, 50_000, kills.Least)
	require.NotEmpty(t, kills.Anchor)
}
