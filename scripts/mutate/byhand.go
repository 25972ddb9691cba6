package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/doorstep-sync/doorstep/scripts/prove/figures"
	"github.com/doorstep-sync/doorstep/syncengine/simtest/planted"
)

// handWritten asks about all planted bugs. Those that re-create a known one are counted by themselves.
func handWritten(ctx context.Context, root string, o *options) (code int, err error) {
	list := plantedTrials()
	if len(o.files) > 0 { // cases, such as O11
		list = slices.DeleteFunc(list, func(x trial) bool {
			return !slices.ContainsFunc(strings.Fields(x.bug.Case), func(c string) bool { return slices.Contains(o.files, c) })
		})
	}
	seen, kept, err := ask(ctx, root, list, o)
	if err != nil {
		return 2, err
	}
	n := tally(seen)
	if kept > 0 {
		fmt.Println(keptAnswers)
	}
	all, found := 0, 0
	for i := range list {
		if len(o.files) > 0 {
			fmt.Printf("%s: seen by %s\n", list[i].bug.Name, seen[i])
		}
		if list[i].bug.Case == "" {
			continue
		}
		if all++; seen[i] != "" {
			found++
		}
	}
	fmt.Printf("%d of %d planted bugs caught; of those that re-create O1 to O42, %d of %d (%.1f %%)\n", n, len(list), found, all, percent(found, all))
	for i := range list {
		if seen[i] == "" {
			fmt.Println("not caught:", list[i].bug.Name)
			code = 1
		}
	}
	if len(o.files) > 0 {
		return code, nil // no figure of all
	}
	return code, figures.Note(figures.Recreated, int(percent(found, all)))
}

func plantedTrials() (list []trial) {
	for i := range planted.Bugs {
		list = append(list, trial{&planted.Bugs[i], false})
	}
	return list
}

// rotate asks about a few bugs, a part of them by worlds, by tests, and mutants that are known to be found; which ones,
// the commit says. Each must be caught.
func rotate(ctx context.Context, root string, o *options) (code int, err error) {
	if o.salt == "" {
		out, err := exec.CommandContext(ctx, "git", "-C", root, "rev-parse", "HEAD").Output()
		if err != nil {
			return 2, fmt.Errorf("ask for the commit; -salt TEXT does without: %w", err)
		}
		o.salt = strings.TrimSpace(string(out))
	}
	list, err := rotated(ctx, root, o)
	if err != nil {
		return 2, err
	}
	seen, kept, err := ask(ctx, root, list, o)
	if err != nil {
		return 2, err
	}
	if kept > 0 {
		fmt.Println(keptAnswers)
	}
	n := 0
	for i := range list {
		by := seen[i]
		if n++; by == "" {
			n, code, by = n-1, 1, "NOBODY"
		}
		fmt.Printf("%s: %s: seen by %s\n", list[i].bug.File, list[i].bug.Name, by)
	}
	fmt.Printf("%d of %d planted bugs caught\n", n, len(list))
	return code, figures.Note(figures.Planted, n)
}

// rotated chooses by the salt: of every five, two planted for worlds, one for tests, and two mutants.
func rotated(ctx context.Context, root string, o *options) ([]trial, error) {
	var worlds, tests []trial
	for _, x := range plantedTrials() {
		if x.bug.Test == "" {
			worlds = append(worlds, x)
		} else {
			tests = append(tests, x)
		}
	}
	name := func(x *trial) string { return x.bug.Name }
	mixed(worlds, o.salt, name)
	mixed(tests, o.salt, name)
	changed, err := findable(ctx, root, o)
	if err != nil {
		return nil, err
	}
	var out []trial
	for i := range o.rotate {
		from := [][]trial{worlds, changed, tests, worlds, changed}[i%5]
		k := 2*(i/5) + i%5/3
		if i%5 == 2 {
			k = i / 5
		}
		if k >= len(from) {
			return nil, fmt.Errorf("there are not so many bugs as -rotate %d asks for", o.rotate)
		}
		out = append(out, from[k])
	}
	return out, nil
}

// slow is a folder of which only the standard choice as a whole is asked: its tests take too long for a few that rotate.
const slow = "clients/device"

// findable gives mutants of the standard choice that are found, as far as is known.
func findable(ctx context.Context, root string, o *options) ([]trial, error) {
	why, err := explanations(root)
	if err != nil {
		return nil, err
	}
	list, err := chosen(ctx, root, o)
	if err != nil {
		return nil, err
	}
	mixed(list, o.salt, func(m *mutant) string { return m.key() })
	var out []trial
	for i := range list {
		if why[list[i].key()] == "" && filepath.Dir(list[i].file) != slow {
			out = append(out, trial{&list[i].bug, true})
		}
	}
	return out, nil
}
