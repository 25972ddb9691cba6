// Command sim runs simulated fleets: seeded worlds of devices and a centre on a bad network with bad clocks, checked by
// an oracle of their own.
//
//	go run ./scripts/sim -seeds 2000       many worlds, as many at once as there are processors
//	go run ./scripts/sim -rewound          worlds with restores and copied replicas
//	go run ./scripts/sim -versions         worlds with phones of several versions
//	go run ./scripts/sim -years            years of phones, with everything at once
//	go run ./scripts/sim -seed 42 -v       one world, bit for bit as it was, with every event
package main

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/doorstep-sync/doorstep/scripts/prove/figures"
	"github.com/doorstep-sync/doorstep/syncengine/simtest"
)

func main() {
	seed := flag.Uint64("seed", 0, "run this one world")
	first := flag.Uint64("first", 1, "first of many worlds")
	seeds := flag.Uint64("seeds", 2000, "how many worlds")
	commits := flag.Int("commits", 0, "local commits in each world, at least; 0 = 300")
	workers := flag.Int("p", runtime.GOMAXPROCS(0), "worlds at once")
	until := flag.Bool("until-found", false, "stop at the first world with a finding")
	asked := map[*kind]*bool{}
	for _, k := range kinds[1:] {
		asked[k] = flag.Bool(k.flag, false, k.about)
	}
	twice := flag.Bool("replay", false, "run each world twice: it has to be the same one")
	verbose := flag.Bool("v", false, "print every event of the one world")
	flag.Parse()
	switch {
	case flag.NArg() > 0:
		fail("unknown argument %q; see -h", flag.Arg(0))
	case *commits < 0 || *workers < 1 || *seeds < 1:
		fail("-commits must not be negative, -p and -seeds must be at least 1")
	}
	debug.SetGCPercent(400) // worlds are small and short-lived
	opts := simtest.Options{Commits: *commits}
	what := kinds[0]
	for _, k := range kinds[1:] {
		if *asked[k] && what != kinds[0] {
			fail("-%s and -%s are kinds of worlds: ask for one", what.flag, k.flag)
		}
		if *asked[k] {
			what = k
		}
	}
	if *seed != 0 {
		one(what, *seed, opts, *verbose)
		return
	}
	if *until {
		search(what, *first, *seeds, opts)
		return
	}
	if *twice {
		same, err := replay(what, *first, *seeds, opts)
		fmt.Printf("%d worlds ran twice and were the same\n", same)
		if err = errors.Join(err, figures.Note(figures.Replayed, same)); err != nil {
			fail("%v", err)
		}
		return
	}
	many(what, *first, *seeds, *workers, opts)
}

// search runs one world after the other until one has a finding.
func search(what *kind, first, seeds uint64, opts simtest.Options) {
	for i := range seeds {
		if r := what.run(first+i, opts); r.Finding != "" {
			fmt.Printf("found in world %d of %d\n%s\n", i+1, seeds, r.Finding)
			os.Exit(1)
		}
	}
	fmt.Printf("nothing found in %d worlds\n", seeds)
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "sim: "+format+"\n", args...)
	os.Exit(2)
}

// one runs a single world and tells what it was.
func one(what *kind, seed uint64, opts simtest.Options, verbose bool) {
	if verbose {
		opts.Log = func(at int64, what string, n []int64) { fmt.Printf("%9d %s %v\n", at, what, n) }
	}
	r := what.run(seed, opts)
	var t total
	t.add(&r)
	t.print(time.Now())
	for _, life := range r.Lives {
		fmt.Println(life)
	}
	fmt.Printf("trace %016x\n", r.Trace)
	if r.Finding != "" {
		fmt.Println(r.Finding)
		os.Exit(1)
	}
}

// many runs worlds at once. It goes on after a finding, to tell how many worlds have one.
func many(what *kind, first, seeds uint64, workers int, opts simtest.Options) {
	if os.Getenv(figures.File) != "" && seeds < uint64(what.enough) {
		fail("%d worlds are too few for what they reach to count: make %d or more", seeds, what.enough)
	}
	began := time.Now()
	next, reports := make(chan uint64), make(chan simtest.Report)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for seed := range next {
				reports <- what.run(seed, opts)
			}
		})
	}
	go func() {
		for s := range seeds {
			next <- first + s
		}
		close(next)
		wg.Wait()
		close(reports)
	}()
	var t total
	for r := range reports {
		t.add(&r)
	}
	t.print(began)
	if err := t.note(what); err != nil {
		fail("%v", err)
	}
	if len(t.findings) > 0 {
		found := slices.Sorted(maps.Keys(t.findings))
		for _, s := range found[:min(5, len(found))] {
			fmt.Println(t.findings[s])
		}
		fmt.Println("worlds with a finding:", found)
		os.Exit(1)
	}
	if list := what.missed(&t); len(list) > 0 {
		fmt.Printf("no world reached:\n")
		for _, state := range list {
			fmt.Println("  " + state)
		}
		os.Exit(1)
	}
}

// total sums reports up.
type total struct {
	worlds, commits, faults, steps int
	fewCommits, fewFaults          int
	seq, simulated                 int64
	years, compared                int
	sometimes                      map[string]int
	findings                       map[uint64]string
}

func (t *total) add(r *simtest.Report) {
	if t.worlds == 0 {
		t.sometimes, t.findings = map[string]int{}, map[uint64]string{}
		t.fewCommits, t.fewFaults = r.Commits, r.Faults
	}
	t.worlds++
	t.years, t.compared = t.years+r.Years, t.compared+r.Compared
	t.commits, t.faults, t.steps = t.commits+r.Commits, t.faults+r.Faults, t.steps+r.Steps
	t.fewCommits, t.fewFaults = min(t.fewCommits, r.Commits), min(t.fewFaults, r.Faults)
	t.seq, t.simulated = t.seq+r.Seq, t.simulated+r.Simulated
	for k, n := range r.Sometimes {
		t.sometimes[k] += n
	}
	if r.Finding != "" {
		t.findings[r.Seed] = r.Finding
	}
}

// note adds what these worlds were to the figures of the proofs, if somebody collects them.
func (t *total) note(what *kind) error {
	states := 0
	if t.worlds >= what.enough {
		for _, state := range what.own() {
			states += min(t.sometimes[state], 1)
		}
	}
	revoked := t.sometimes["device revoked"] + t.sometimes["device revoked, to be erased"]
	return errors.Join(figures.Note(figures.Years, t.years), figures.Note(figures.States, states), figures.Note(figures.Conflicts, t.compared), figures.Note(figures.Revocations, revoked), figures.Note(figures.Worlds, t.worlds), figures.Note(figures.Commits, t.commits), figures.Note(figures.Findings, len(t.findings)))
}

func (t *total) print(began time.Time) {
	fmt.Println("sometimes:")
	for _, k := range slices.Sorted(maps.Keys(t.sometimes)) {
		fmt.Printf("%9d  %s\n", t.sometimes[k], k)
	}
	fmt.Printf("%d worlds in %.1f s: %d commits (at least %d each), %d faults (at least %d each), %d events, %.1f simulated hours, %d with a finding\n",
		t.worlds, time.Since(began).Seconds(), t.commits, t.fewCommits, t.faults, t.fewFaults, t.steps, float64(t.simulated)/3.6e6, len(t.findings))
	if t.compared > 0 {
		fmt.Printf("%d times an open conflict was what the oracle expected\n", t.compared)
	}
	if t.years > 0 {
		fmt.Printf("%d years of phones\n", t.years)
	}
}
