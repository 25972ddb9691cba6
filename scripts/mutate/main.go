// Command mutate asks how much the proofs see. It changes the product in small ways, one at a time (a condition negated, a
// bound moved by one, a statement dropped), and asks simulated worlds, then the tests of what was changed, whether they
// notice. What survives is a change that makes no difference, or something that nobody looks at.
//
//	go run ./scripts/mutate [-n 200] [-turn 7] [-seeds 20] [FILE...]   mutants, those that survive with their explanation
//	go run ./scripts/mutate -page docs/mutants.md                      the standard choice, and a page about it
//	go run ./scripts/mutate -answers FILE                              the standard choice, in parts: it goes on where it was stopped
//	go run ./scripts/mutate -planted [CASE...]                         the bugs written by hand, each by what it names; or those of cases such as O11
//	go run ./scripts/mutate -rotate 5                                  a few of all kinds, others for each commit
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"time"
)

type options struct {
	n, turn, workers, rotate int
	seeds                    uint64
	patience                 time.Duration
	page, salt, answers      string
	planted, known, again    bool
	files                    []string
}

func main() {
	var o options
	flag.IntVar(&o.n, "n", standard, "how many mutants; 0 = all")
	flag.IntVar(&o.turn, "turn", 0, "which of them: another turn gives others")
	flag.IntVar(&o.workers, "p", runtime.GOMAXPROCS(0), "bugs at once")
	flag.Uint64Var(&o.seeds, "seeds", 20, "ordinary worlds that may find one; of the small ones five times as many")
	flag.DurationVar(&o.patience, "patience", 45*time.Second, "processor time after which worlds that go on count as a finding; tests have four times as much")
	flag.StringVar(&o.page, "page", "", "write the page about the standard choice; it is an error if a survivor is not explained")
	flag.BoolVar(&o.planted, "planted", false, "the bugs written by hand")
	flag.BoolVar(&o.known, "known", false, "of the standard choice only those that are explained: is what survived still so?")
	flag.IntVar(&o.rotate, "rotate", 0, "so many bugs of all kinds")
	flag.StringVar(&o.answers, "answers", "", "a file that keeps what was answered, to go on from after a break; it belongs outside the tree")
	flag.BoolVar(&o.again, "again", false, "of the file of -answers, ask anew about what nobody saw")
	flag.StringVar(&o.salt, "salt", "", "which bugs -rotate takes; without it the commit's hash says")
	flag.Parse()
	o.files = flag.Args()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code, err := run(ctx, &o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		code = 2
	}
	os.Exit(code)
}

// standard is how many mutants the standard choice has.
const standard = 200

func run(ctx context.Context, o *options) (code int, err error) {
	root, err := os.Getwd()
	if err != nil {
		return 2, err
	}
	switch {
	case o.rotate > 0:
		return rotate(ctx, root, o)
	case o.planted:
		return handWritten(ctx, root, o)
	}
	return generated(ctx, root, o)
}

// ask gives by what each bug is seen, "" for what nothing sees, and how many of these answers were kept from an earlier go.
func ask(ctx context.Context, root string, list []trial, o *options) (seen []string, kept int, err error) {
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return nil, 0, err
	}
	defer os.RemoveAll(dir)
	known, err := readAnswers(o.answers)
	if err != nil {
		return nil, 0, err
	}
	defer known.close()
	keys, err := answerKeys(root, list)
	if err != nil {
		return nil, 0, err
	}
	seen, open := known.split(keys, quickFirst(list), o.again)
	j, err := newJudge(list, root, dir, o)
	if err != nil {
		return nil, 0, err
	}
	err = each(ctx, open, o.workers, func(i int) (err error) {
		if seen[i], err = j.sees(ctx, i+1, &list[i]); err != nil {
			return err
		}
		if seen[i] == "" {
			fmt.Fprintln(os.Stderr, "nobody sees:", list[i].bug.File, list[i].bug.Name)
		}
		return known.put(keys[i], list[i].bug, seen[i])
	})
	return seen, len(list) - len(open), err
}

// each does something with all of a list, several at once, in its order. It goes on after an error, and gives the first.
func each(ctx context.Context, list []int, workers int, do func(int) error) error {
	errs := make([]error, len(list))
	var wg sync.WaitGroup
	next := make(chan int)
	for range workers {
		wg.Go(func() {
			for k := range next {
				if ctx.Err() == nil {
					errs[k] = do(list[k])
				}
			}
		})
	}
	for k := range list {
		next <- k
	}
	close(next)
	wg.Wait()
	return cmp.Or(append(errs, ctx.Err())...)
}

// percent tells how many of all were seen.
func percent(n, all int) float64 { return 100 * float64(n) / float64(max(all, 1)) }

// tally prints how many each judge saw, and gives the number of all.
func tally(seen []string) int {
	by := map[string]int{}
	for _, s := range seen {
		by[s]++
	}
	for _, s := range sorted(by) {
		if s != "" {
			fmt.Printf("%6d  %s\n", by[s], s)
		}
	}
	return len(seen) - by[""]
}
