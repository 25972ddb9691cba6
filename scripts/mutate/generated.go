package main

import (
	"context"
	"maps"
	"slices"

	"github.com/doorstep-sync/doorstep/scripts/prove/figures"
)

func sorted(m map[string]int) []string { return slices.Sorted(maps.Keys(m)) }

// generated asks about mutants: the standard choice, or what the flags say.
func generated(ctx context.Context, root string, o *options) (code int, err error) {
	why, err := explanations(root)
	if err != nil {
		return 2, err
	}
	list, err := chosen(ctx, root, o)
	if err != nil {
		return 2, err
	}
	if o.known {
		list = slices.DeleteFunc(list, func(m mutant) bool { return why[m.key()] == "" })
	}
	trials := make([]trial, len(list))
	for i := range list {
		trials[i] = trial{&list[i].bug, true}
	}
	seen, kept, err := ask(ctx, root, trials, o)
	if err != nil {
		return 2, err
	}
	r := newResult(list, seen, why)
	r.kept = kept > 0
	r.print()
	if o.page == "" {
		return 0, nil
	}
	for _, x := range why.missing(list) {
		r.wrong = append(r.wrong, "explained, but no mutant of the choice: "+x)
	}
	if err := figures.Note(figures.Mutants, r.percent()); err != nil {
		return 2, err
	}
	if len(r.wrong) > 0 {
		return 1, nil
	}
	return 0, r.write(o.page)
}

// chosen gives the mutants that the flags ask for.
func chosen(ctx context.Context, root string, o *options) ([]mutant, error) {
	of := o.files
	if len(of) == 0 {
		of = subject
	}
	list, err := all(of, root, o.turn)
	if err != nil {
		return nil, err
	}
	return pick(ctx, root, list, o.n)
}
