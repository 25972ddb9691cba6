package main

import (
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/doorstep-sync/doorstep/syncengine/simtest/planted"
)

// trial is a bug that somebody is to see: a planted one, which says by what, or a mutant, for which all are asked.
type trial struct {
	bug    *planted.Bug
	mutant bool
}

// suite is a package's tests, or some of them.
type suite struct {
	pkg  string // folder below the root
	only string // names of tests; "" = all
	skip string
}

func (s suite) String() string {
	if s.only != "" {
		return s.only
	}
	return "tests of " + s.pkg
}

var (
	// stories are simtest's tests without the worlds, which were asked before.
	stories = suite{pkg: "syncengine/simtest", skip: "World|MixedVersions"}
	// replicas are the SDK's tests without those that kill, fill and damage, start programs, or take longest: a survivor
	// costs all the others.
	replicas = suite{pkg: "clients/device", skip: "Kill|Storage|BitFlip|Cipher|Encrypted|Large|Recovered|Journal|WrongClocks|Reference|ManyRepairs|" +
		"Copied|Copies|CopyMade|Fork|Backup|FullDisk|Malformed|RealCentre|TenThousand|RoughCentres|OldDatabase|CentreMadeAnew|SetUpAnew|WrongTarget"}
	files = suite{pkg: "scripts/fleet"}
)

// suites tell by the folder of a change whose tests may see it, quick ones first.
var suites = map[string][]suite{
	"syncengine":         {{pkg: "syncengine"}, {pkg: "syncengine/session"}, stories},
	"syncengine/hlc":     {{pkg: "syncengine/hlc"}, {pkg: "syncengine"}},
	"syncengine/replica": {{pkg: "syncengine/replica"}, stories, files, replicas},
	"syncengine/session": {{pkg: "syncengine/session"}, stories},
	"clients/device":     {files, replicas},
	"server/store":       {{pkg: "server/store"}, files},
}

// byCost are the folders of suites by what asking them takes, the quickest first.
var byCost = []string{"syncengine/hlc", "syncengine/session", "syncengine", "server/store", "syncengine/replica", "clients/device"}

// quickFirst gives indexes of the list in the order in which bugs are asked about: whoever is stopped has most answers.
func quickFirst(list []trial) []int {
	order := make([]int, len(list))
	for i := range order {
		order[i] = i
	}
	cost := func(i int) int { return slices.Index(byCost, filepath.Dir(list[i].bug.File)) }
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(cost(a), cost(b)) })
	return order
}

// judge asks worlds and tests about bugs, in programs that hold all of them and show one.
type judge struct {
	root, dir, overlay string
	seeds              uint64
	patience           time.Duration
	run                runner

	mu       sync.Mutex
	programs map[string]*program // by package
	quiet    map[any]*quiet      // by suite or spell
}

type program struct {
	once sync.Once
	path string
	err  error
}

// quiet is whether a suite, or worlds, are green as long as no bug shows.
type quiet struct {
	once  sync.Once
	err   error
	spent time.Duration // processor time
}

func newJudge(list []trial, root, dir string, o *options) (*judge, error) {
	bugs := make([]planted.Bug, len(list))
	for i := range list {
		bugs[i] = *list[i].bug
	}
	overlay, err := planted.Overlay(bugs, root, dir)
	return &judge{root: root, dir: dir, overlay: overlay, seeds: o.seeds, patience: o.patience, run: within(5), programs: map[string]*program{}, quiet: map[any]*quiet{}}, err
}

// sees tells by what a bug is seen, "" if by nothing. Its number is its index among all, plus 1.
func (j *judge) sees(ctx context.Context, number int, x *trial) (by string, err error) {
	b := x.bug
	if b.Test != "" {
		return j.tests(ctx, number, suite{pkg: b.Package, only: b.Test})
	}
	if !x.mutant {
		return j.search(ctx, number, planned(b))
	}
	dir := filepath.Dir(b.File)
	asked := suites[dir]
	for i := range max(len(asked), len(j.spells())) { // in turn, quick ones first
		if i < len(j.spells()) && strings.HasPrefix(dir, "syncengine") {
			if by, err = j.worlds(ctx, number, j.spells()[i:i+1]); by != "" || err != nil {
				return by, err
			}
		}
		if i < len(asked) {
			if by, err = j.tests(ctx, number, asked[i]); by != "" || err != nil {
				return by, err
			}
		}
	}
	return "", nil
}

// search looks for a planted bug in up to so many worlds as it may take; how long they take without it nobody asks.
func (j *judge) search(ctx context.Context, number int, list []spell) (string, error) {
	for _, s := range list {
		o, err := twice(outcome.hurried, func() (outcome, error) { return j.spell(ctx, number, s, j.patience) })
		if err != nil || o.red {
			return strings.TrimSpace("worlds " + s.kind), err
		}
	}
	return "", nil
}

// spell is some worlds of one kind.
type spell struct {
	kind         string
	first, seeds uint64
}

// spells are what a mutant is looked for in.
func (j *judge) spells() []spell {
	return []spell{{"", 1, 2}, {planted.Rewound, 1, 5 * j.seeds}, {"", 3, j.seeds}, {planted.Versions, 1, 5 * j.seeds}}
}

// planned are the worlds that are to find a planted bug: the one it names first.
func planned(b *planted.Bug) []spell {
	out := []spell{{b.Worlds, 1, 200}}
	if b.Worlds != "" {
		out[0].seeds = 2000
	}
	if b.Seed != 0 {
		out = append([]spell{{b.Worlds, b.Seed, 1}}, out...)
	}
	return out
}

// worlds tells whether a world sees a bug: it has a finding, dies, or never ends.
func (j *judge) worlds(ctx context.Context, number int, list []spell) (string, error) {
	for _, s := range list {
		o, err := twice(outcome.hurried, func() (outcome, error) {
			return j.asked(ctx, number, s, j.patience, func(number int, patience time.Duration) (outcome, error) { return j.spell(ctx, number, s, patience) })
		})
		if err != nil {
			return "", err
		}
		if o.red {
			return strings.TrimSpace("worlds " + s.kind), nil
		}
	}
	return "", nil
}

func (j *judge) spell(ctx context.Context, number int, s spell, patience time.Duration) (outcome, error) {
	path, err := j.program(ctx, "scripts/sim", "build", "-ldflags=-w")
	if err != nil {
		return outcome{}, err
	}
	args := []string{"-until-found", "-p", "1", "-first", strconv.FormatUint(s.first, 10), "-seeds", strconv.FormatUint(s.seeds, 10)}
	if s.kind != "" {
		args = append(args, s.kind)
	}
	return j.run(ctx, patience, number, j.root, path, args...)
}

// asked runs what sees bugs. It is to be green as long as no bug shows, and is given no more than ten times the processor
// time that it takes then.
func (j *judge) asked(ctx context.Context, number int, what any, most time.Duration, run func(number int, patience time.Duration) (outcome, error)) (outcome, error) {
	j.mu.Lock()
	q := j.quiet[what]
	if q == nil {
		q = &quiet{}
		j.quiet[what] = q
	}
	j.mu.Unlock()
	q.once.Do(func() {
		o, err := run(0, most)
		if q.err, q.spent = err, o.spent; o.red {
			q.err = fmt.Errorf("%v: red also without a bug", what)
		}
	})
	if q.err != nil {
		return outcome{}, q.err
	}
	return run(number, min(most, 10*time.Second+10*q.spent))
}

// tests tells whether a suite goes red. What is red once by chance does not count; what used up its processor time is no
// chance.
func (j *judge) tests(ctx context.Context, number int, s suite) (string, error) {
	o, err := twice(outcome.chance, func() (outcome, error) {
		return j.asked(ctx, number, s, suitePatience*j.patience, func(number int, patience time.Duration) (outcome, error) { return j.suite(ctx, number, s, patience) })
	})
	if !o.red || err != nil {
		return "", err
	}
	return s.String(), nil
}

// suitePatience is how much more processor time a suite is given than worlds, at most.
const suitePatience = 4

func (j *judge) suite(ctx context.Context, number int, s suite, patience time.Duration) (outcome, error) {
	path, err := j.program(ctx, s.pkg, "test", "-c", "-vet=off", "-ldflags=-w")
	if err != nil {
		return outcome{}, err
	}
	args := []string{"-test.short", "-test.failfast", "-test.timeout=0"}
	if s.only != "" {
		args = append(args, "-test.run=^("+s.only+")$")
	}
	if s.skip != "" {
		args = append(args, "-test.skip="+s.skip)
	}
	return j.run(ctx, patience, number, filepath.Join(j.root, s.pkg), path, args...)
}

// program builds a program, or a package's tests, with all bugs in it; once.
func (j *judge) program(ctx context.Context, pkg string, how ...string) (string, error) {
	j.mu.Lock()
	p := j.programs[pkg]
	if p == nil {
		p = &program{path: filepath.Join(j.dir, strings.ReplaceAll(pkg, "/", "_"))}
		j.programs[pkg] = p
	}
	j.mu.Unlock()
	p.once.Do(func() {
		cmd := exec.CommandContext(ctx, "go", append(how, "-o", p.path, "-overlay", j.overlay, "./"+pkg)...) //nolint:gosec // our own packages
		cmd.Dir = j.root
		if out, err := cmd.CombinedOutput(); err != nil {
			p.err = fmt.Errorf("build %s with all bugs: %w\n%s", pkg, err, out)
		}
	})
	return p.path, p.err
}
