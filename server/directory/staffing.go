package directory

import (
	"context"
	"fmt"

	"github.com/doorstep-sync/doorstep/server/messages"
)

// The staffing rule of GB/T 34300 and the published accounts: one grid per 300 to 500 households.
const (
	MinHouseholds = 300
	MaxHouseholds = 500
)

// Households counts the households of each grid, by code; a grid without any may be left out.
type Households func(ctx context.Context) (map[string]int, error)

// Staffing is what the check found about one grid.
type Staffing struct {
	Grid       Unit
	Households int
	OK         bool
	Text       messages.Sentence // what to consider; no key if OK
}

// Staffing checks the grids of a unit and below it, in order of code; scope "" checks all.
func (d *Directory) Staffing(ctx context.Context, scope string, count Households) ([]Staffing, error) {
	within := map[string]bool{}
	if scope != "" {
		if _, err := d.Unit(ctx, scope); err != nil {
			return nil, err
		}
		below, err := d.Below(ctx, scope)
		if err != nil {
			return nil, err
		}
		for _, code := range below {
			within[code] = true
		}
	}
	grids, err := d.Units(ctx, UnitFilter{Level: Grid})
	if err != nil {
		return nil, err
	}
	counts, err := count(ctx)
	if err != nil {
		return nil, fmt.Errorf("count households: %w", err)
	}
	var out []Staffing
	for _, g := range grids {
		if scope == "" || within[g.Code] {
			out = append(out, Judge(g, counts[g.Code]))
		}
	}
	return out, nil
}

// Judge checks a grid with so many households.
func Judge(g Unit, n int) Staffing {
	s := Staffing{Grid: g, Households: n, OK: n >= MinHouseholds && n <= MaxHouseholds}
	switch {
	case n < MinHouseholds:
		s.Text = messages.Say(messages.StaffTooFew, n, MinHouseholds, MaxHouseholds)
	case n > MaxHouseholds:
		s.Text = messages.Say(messages.StaffTooMany, n, MinHouseholds, MaxHouseholds)
	}
	return s
}
