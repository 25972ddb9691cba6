package main

import (
	"context"
	"fmt"

	"github.com/doorstep-sync/doorstep/scripts/prove/crowd"
)

// seed makes people and records.
func seed(ctx context.Context, x *crowd.Seeding, o options) (*seeded, error) {
	if err := x.Units(ctx, o.grids); err != nil {
		return nil, err
	}
	for i := range o.grids {
		clerk, err := x.Member(ctx, fmt.Sprintf("clerk%d", i), crowd.Grid(i))
		if err != nil {
			return nil, err
		}
		if err := x.Fill(ctx, clerk, i, o.records); err != nil {
			return nil, err
		}
		if (i+1)%25 == 0 {
			fmt.Printf("seeding   %d of %d grids\n", i+1, o.grids)
		}
	}
	s := &seeded{Grids: o.grids, Records: o.records}
	for i := range o.devices + 1 { // the last one is the bystander
		m, err := x.Member(ctx, fmt.Sprintf("worker%d", i), crowd.Grid(i%o.grids))
		if err != nil {
			return nil, err
		}
		s.Members = append(s.Members, m)
	}
	return s, nil
}
