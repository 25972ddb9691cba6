package product

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/doorstep-sync/doorstep/clients/device"
	"github.com/doorstep-sync/doorstep/scripts/prove/crowd"
	se "github.com/doorstep-sync/doorstep/syncengine"
)

// grid is how many households a grid has, and how many workers with a phone each.
type grid struct{ homes, workers int }

// each is so many grids of a kind.
func (g grid) each(n int) []grid {
	list := make([]grid, n)
	for i := range list {
		list[i] = g
	}
	return list
}

// county is a centre with its people. Everybody's replica is in step with it, and nobody is connected.
type county struct {
	*centre
	t      testing.TB
	dir    string
	homes  [][]se.RowID // by grid
	phones []*phone     // of the workers, grid by grid
}

func newCounty(t testing.TB, grids ...grid) *county {
	t.Helper()
	c := &county{t: t, dir: t.TempDir(), homes: make([][]se.RowID, len(grids))}
	desk, workers := c.people(grids)
	c.centre = startCentre(t, filepath.Join(c.dir, "centre"))
	d := c.phone(desk, -1)
	d.sync()
	for i, g := range grids {
		c.homes[i] = d.households(crowd.Grid(i), g.homes)
	}
	d.sync()
	for i, list := range workers {
		for _, m := range list {
			p := c.phone(m, i)
			p.sync()
			c.phones = append(c.phones, p)
		}
	}
	return c
}

// people makes units, a supervisor and the workers of each grid.
func (c *county) people(grids []grid) (desk crowd.Member, workers [][]crowd.Member) {
	c.t.Helper()
	x, err := crowd.Open(filepath.Join(c.dir, "centre"), outside)
	require.NoError(c.t, err)
	defer x.Close()
	require.NoError(c.t, x.Units(c.t.Context(), len(grids)))
	desk, err = x.As(c.t.Context(), "supervisor", "desk", crowd.Grid(0)[:12])
	require.NoError(c.t, err)
	for i, g := range grids {
		var list []crowd.Member
		for k := range g.workers {
			m, err := x.Member(c.t.Context(), fmt.Sprintf("worker%d-%d", i, k), crowd.Grid(i))
			require.NoError(c.t, err)
			list = append(list, m)
		}
		workers = append(workers, list)
	}
	return desk, workers
}

// households enters a building with so many in a grid.
func (p *phone) households(scope string, n int) (ids []se.RowID) {
	p.t.Helper()
	if n == 0 {
		return nil
	}
	p.write(func(tx *device.Tx) error {
		building, err := tx.Insert("building", map[string]any{"scope": scope, "no": "1"})
		if err != nil {
			return err
		}
		for i := range n {
			room := map[string]any{"scope": scope, "building_id": building, "room_no": fmt.Sprint(i)}
			dwelling, err := tx.Insert("dwelling", room)
			if err != nil {
				return err
			}
			id, err := tx.Insert("household", map[string]any{"scope": scope, "dwelling_id": dwelling})
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return nil
	})
	return ids
}
