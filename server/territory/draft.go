package territory

import (
	"context"
	"slices"

	"github.com/doorstep-sync/doorstep/server/directory"
	"github.com/doorstep-sync/doorstep/server/messages"
	"github.com/doorstep-sync/doorstep/syncengine"
)

// MaxDoors bounds the doors that one plan names.
const MaxDoors = 20_000

// Create checks what is asked for, finds what it would do, and keeps it as a plan. Nothing moves yet.
func (s *Service) Create(ctx context.Context, planner directory.Rights, spec Spec) (Plan, error) {
	source, target, err := s.check(ctx, &spec)
	if err != nil {
		return Plan{}, err
	}
	roles, err := s.roles(ctx, planner, source, target)
	if err != nil {
		return Plan{}, err
	}
	if err := s.free(ctx, s.DB.Reader(), 0, &spec); err != nil {
		return Plan{}, err
	}
	p := Plan{Spec: spec, State: Planned, Planner: planner.Account.ID, Created: s.millis()}
	all, err := s.Directory.AssignmentsAt(ctx, spec.Source)
	if err != nil {
		return Plan{}, err
	}
	var items []item
	err = s.State.View(func(tx syncengine.ReadTx) error {
		g, err := readGrid(s.Schema, tx, spec.Source)
		if err != nil {
			return err
		}
		if err := known(&spec, g, all); err != nil {
			return err
		}
		g.his = func(scope string) (bool, error) {
			covering, err := s.Directory.At(ctx, planner, scope)
			return s.Directory.ConsoleAt(covering), err
		}
		if err := g.choose(tx, &spec); err != nil {
			return err
		}
		items, p.Report = g.items(), g.report(&spec)
		s.stuck(g, roles, &p.Report)
		s.people(g, &spec, all, &p.Report)
		if err := s.staffing(tx, g, &spec, &p.Report); err != nil {
			return err
		}
		return s.waiting(ctx, tx, g, &spec, &p.Report)
	})
	if err != nil {
		return Plan{}, err
	}
	if err := s.phones(ctx, all, &p.Report); err != nil {
		return Plan{}, err
	}
	if err := s.keep(ctx, &p, items); err != nil {
		return Plan{}, err
	}
	return s.Get(ctx, p.ID)
}

// known refuses people who have nothing to do with the grid, as if there were no such account: nobody finds out by a plan
// who else there is.
func known(spec *Spec, g *grid, all []directory.Assignment) error {
	for _, account := range slices.Concat(spec.Along, spec.Workers) {
		if account == "" || !slices.ContainsFunc(all, func(a directory.Assignment) bool { return a.Account == account }) &&
			!slices.ContainsFunc(g.order, func(x *live) bool { return x.author == account }) {
			return messages.Refuse(messages.NoAccount)
		}
	}
	return nil
}

// check refuses what makes no sense, and gives both grids.
func (s *Service) check(ctx context.Context, spec *Spec) (source, target directory.Unit, err error) {
	if source, err = s.grid(ctx, spec.Source); err != nil {
		return source, target, err
	}
	target, err = s.grid(ctx, spec.Target)
	if messages.Is(err, messages.NoUnit) && spec.Name != "" && spec.Kind == Split {
		target = directory.Unit{Code: spec.Target, Name: spec.Name, Level: directory.Grid, Parent: source.Parent, GridType: source.GridType}
		err = s.Directory.MakeUnit(ctx, target, true)
	} else {
		spec.Name = "" // it is there
	}
	switch {
	case err != nil:
	case spec.Source == spec.Target:
		err = messages.Refuse(messages.SameGrid)
	case spec.Kind == Split && len(spec.Doors) == 0:
		err = messages.Refuse(messages.NoDoorsNamed)
	case len(spec.Doors) > MaxDoors:
		err = messages.Refuse(messages.TooManyDoors, MaxDoors)
	case spec.Kind == Merge && len(spec.Doors)+len(spec.Along) > 0:
		err = messages.Refuse(messages.MergeTakesAll)
	}
	slices.Sort(spec.Doors)
	spec.Doors = slices.Compact(spec.Doors)
	return source, target, err
}

func (s *Service) grid(ctx context.Context, code string) (directory.Unit, error) {
	u, err := s.Directory.Unit(ctx, code)
	switch {
	case err != nil:
	case u.Level != directory.Grid:
		err = messages.Refuse(messages.NotAGrid, code, u.Level.Label())
	case u.To != 0 && u.Successor != "":
		err = messages.Refuse(messages.GridTakenOver, code, u.Successor)
	case u.To != 0:
		err = messages.Refuse(messages.GridClosed, code)
	}
	return u, err
}

// roles gives the planner's roles at the centre in both grids; whoever works in one of them only is told that it is not
// his.
func (s *Service) roles(ctx context.Context, planner directory.Rights, source, target directory.Unit) ([]string, error) {
	at := func(code string) ([]string, error) {
		covering, err := s.Directory.At(ctx, planner, code)
		if err != nil {
			return nil, err
		}
		var out []string
		for _, a := range covering {
			if s.Directory.Roles()[a.Role].Console {
				out = append(out, a.Role)
			}
		}
		if len(out) == 0 {
			err = messages.Refuse(messages.NoUnitOfYours, code)
		}
		return out, err
	}
	here, err := at(source.Code)
	if err != nil {
		return nil, err
	}
	code := target.Code
	if _, err := s.Directory.Unit(ctx, code); messages.Is(err, messages.NoUnit) {
		code = target.Parent // it will be below
	}
	there, err := at(code)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(here, func(r string) bool { return !slices.Contains(there, r) }), nil
}
