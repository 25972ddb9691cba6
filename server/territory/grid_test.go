package territory

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/schema/load"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// estate is a grid of buildings with dwellings, each with a household and its resident and visit; some dwellings are in a
// building of another grid, and some households at a dwelling of another grid.
func estate(t testing.TB, buildings, dwellings int, rng *rand.Rand) *grid {
	s, err := load.Default()
	require.NoError(t, err)
	g := newGrid(s)
	put := func(table, id, column, to string) {
		x := &live{key: syncengine.RowKey{Table: table, Row: syncengine.RowID(id)}, refs: map[string]syncengine.RowID{}}
		if column != "" {
			x.refs[column] = syncengine.RowID(to)
		}
		g.rows[x.key] = x
		g.order = append(g.order, x)
	}
	for i := range buildings {
		put("building", fmt.Sprint("b", i), "", "")
	}
	for i := range dwellings {
		door, home := fmt.Sprint("d", i), fmt.Sprint("h", i)
		put("dwelling", door, "building_id", fmt.Sprint("b", rng.IntN(buildings+buildings/10+1)))
		if rng.IntN(20) == 0 {
			door = fmt.Sprint("elsewhere", rng.IntN(5))
		}
		put("household", home, "dwelling_id", door)
		put("resident", fmt.Sprint("r", i), "household_id", home)
		put("visit", fmt.Sprint("v", i), "household_id", home)
	}
	rng.Shuffle(len(g.order), func(i, j int) { g.order[i], g.order[j] = g.order[j], g.order[i] })
	g.link()
	return g
}

// scan is what within says, by looking at every row.
func scan(g *grid, holder *live) (out []*live) {
	for _, x := range g.order {
		if g.isDoor(x) && slices.Contains(g.held(x), holder) {
			out = append(out, x)
		}
	}
	return out
}

// What is looked up is what looking at every row finds, in the same order.
func TestWithin(t *testing.T) {
	for seed := range uint64(20) {
		g := estate(t, 8, 60, rand.New(rand.NewPCG(seed, 1)))
		holders := 0
		for _, x := range g.order {
			require.Equal(t, scan(g, x), g.within(x), "%v", x.key)
			if x.holder {
				holders++
			}
		}
		require.Positive(t, holders)
		for _, door := range []syncengine.RowID{"d3", "elsewhere0", "elsewhere1"} {
			var behind []*live
			for _, x := range g.order {
				if x.key.Table == "household" && x.refs["dwelling_id"] == door {
					behind = append(behind, x)
				}
			}
			require.Equal(t, len(behind) > 0, g.left(door))
			for _, x := range behind {
				require.True(t, x.goes)
			}
		}
	}
}

// BenchmarkDryRun finds out what a split of half a grid of 20,000 rows does, once its rows are read.
func BenchmarkDryRun(b *testing.B) {
	g := estate(b, 500, 4875, rand.New(rand.NewPCG(1, 1)))
	spec := &Spec{Kind: Split, Source: "s", Target: "t"}
	for i := range 250 {
		spec.Doors = append(spec.Doors, syncengine.RowID(fmt.Sprint("b", i)))
	}
	b.Run("looked up", func(b *testing.B) {
		for b.Loop() {
			for _, x := range g.order {
				x.goes = false
			}
			require.NoError(b, g.choose(nil, spec))
			r := g.report(spec)
			require.Positive(b, len(g.items())+r.Doors)
		}
	})
	b.Run("by scanning", func(b *testing.B) { // for comparison: within alone, as often as a dry run asks
		for b.Loop() {
			for _, x := range g.order {
				if x.holder {
					scan(g, x)
				}
			}
		}
	})
}
