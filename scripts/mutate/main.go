// Command mutate asks how much the simulation sees: it changes the engine in small ways, one at a time (a condition
// negated, a bound moved by one, a statement dropped), and runs worlds until one has a finding. It prints what survives: a
// change that makes no difference, or something that the worlds never do.
//
//	go run ./scripts/mutate [-n 200] [-turn 7] [-seeds 20] [FILE...]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/doorstep-sync/doorstep/scripts/prove/figures"
	"github.com/doorstep-sync/doorstep/syncengine/simtest/planted"
)

// subject are the files that are changed: merge, admission, clock, cursor, capture.
var subject = []string{
	"syncengine/merge.go", "syncengine/cell.go", "syncengine/ingest.go", "syncengine/admit.go", "syncengine/rows.go", "syncengine/death.go",
	"syncengine/revive.go", "syncengine/queue.go", "syncengine/next.go", "syncengine/told.go", "syncengine/hlc/hlc.go", "syncengine/steps.go",
	"syncengine/replica/seal.go", "syncengine/replica/fold.go", "syncengine/replica/form.go", "syncengine/replica/apply.go", "syncengine/replica/greet.go",
	"syncengine/session/centre.go", "syncengine/session/device.go",
}

type options struct {
	n, turn, workers int
	seeds            uint64
	patience         time.Duration
	files            []string
}

func main() {
	var o options
	flag.IntVar(&o.n, "n", 0, "how many mutants, spread over all; 0 = all")
	flag.IntVar(&o.turn, "turn", 0, "which of them: another turn gives others")
	flag.IntVar(&o.workers, "p", runtime.GOMAXPROCS(0), "worlds at once")
	flag.Uint64Var(&o.seeds, "seeds", 20, "ordinary worlds that may find one; of the small ones five times as many")
	flag.DurationVar(&o.patience, "patience", time.Minute, "after which worlds that go on count as a finding")
	flag.Parse()
	if o.files = flag.Args(); len(o.files) == 0 {
		o.files = subject
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code, err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		code = 2
	}
	os.Exit(code)
}

func run(ctx context.Context, o options) (code int, err error) {
	root, err := os.Getwd()
	if err != nil {
		return 2, err
	}
	list, err := all(ctx, root, o)
	if err != nil {
		return 2, err
	}
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return 2, err
	}
	defer os.RemoveAll(dir)
	program, err := build(ctx, root, dir, list)
	if err != nil {
		return 2, err
	}
	survivors := search(ctx, program, list, o)
	if ctx.Err() != nil {
		return 2, ctx.Err()
	}
	found := len(list) - len(survivors)
	fmt.Printf("%d of %d mutants found (%.1f %%)\n", found, len(list), 100*float64(found)/float64(len(list)))
	for _, i := range survivors {
		fmt.Println("survives:", &list[i])
	}
	return 0, nil
}

// all gives the mutants that compile, or so many of them.
func all(ctx context.Context, root string, o options) ([]mutant, error) {
	c, err := newCompiler(ctx, root)
	if err != nil {
		return nil, err
	}
	var list []mutant
	for _, f := range o.files {
		more, err := mutants(root, f)
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	if o.n > 0 && o.n < len(list) {
		list = spread(list, 2*o.n, o.turn) // about a third does not compile
	}
	var out []mutant
	for i := range list {
		ok, err := c.works(&list[i])
		if err != nil {
			return nil, err
		}
		if ok && (o.n == 0 || len(out) < o.n) {
			out = append(out, list[i])
		}
	}
	return out, nil
}

// spread takes every so manieth, from another one on in each turn.
func spread(list []mutant, n, turn int) (out []mutant) {
	step := max(1, len(list)/n)
	for i := turn % step; i < len(list); i += step {
		out = append(out, list[i])
	}
	return out
}

func build(ctx context.Context, root, dir string, list []mutant) (string, error) {
	bugs := make([]planted.Bug, len(list))
	for i := range list {
		bugs[i] = list[i].bug
	}
	overlay, err := planted.Overlay(bugs, root, dir)
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "sim")
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags=-w", "-o", program, "-overlay", overlay, "./scripts/sim")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the simulation with all mutants: %w\n%s", err, out)
	}
	return program, nil
}

// search gives the mutants that no world finds.
func search(ctx context.Context, program string, list []mutant, o options) (survivors []int) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := make(chan int)
	for range o.workers {
		wg.Go(func() {
			for i := range next {
				if found(ctx, program, i+1, o) {
					continue
				}
				mu.Lock()
				survivors = append(survivors, i)
				mu.Unlock()
			}
		})
	}
	for i := range list {
		next <- i
	}
	close(next)
	wg.Wait()
	slices.Sort(survivors)
	return survivors
}

// found tells whether a world sees a mutant: it has a finding, dies, or never ends.
func found(ctx context.Context, program string, number int, o options) bool {
	for _, kind := range []struct {
		flag  string
		seeds uint64
	}{{"", 2}, {planted.Rewound, 5 * o.seeds}, {planted.Versions, 5 * o.seeds}, {"", o.seeds}} {
		once, end := context.WithTimeout(ctx, o.patience)
		args := []string{"-until-found", "-seeds", strconv.FormatUint(kind.seeds, 10)}
		if kind.flag != "" {
			args = append(args, kind.flag)
		}
		cmd := exec.CommandContext(once, program, args...)
		cmd.Env = append(os.Environ(), planted.Switch+"="+strconv.Itoa(number), figures.File+"=")
		err := cmd.Run()
		end()
		if err != nil {
			return true
		}
	}
	return false
}
