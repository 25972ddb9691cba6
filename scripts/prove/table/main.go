// Command table prints what a run of the proofs reached, beside what it was to reach and what is known of others. It ends
// with 1 if a goal was missed; with DOORSTEP_LONG in the environment, goals are those of a long run. Times of this machine
// are told and miss nothing; with -some, for a run of some parts, neither does what is not enough yet.
//
//	go run ./scripts/prove/table [-some] FIGURES
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/doorstep-sync/doorstep/scripts/prove/figures"
)

func main() {
	some := flag.Bool("some", false, "what is not enough yet misses nothing")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: table [-some] FIGURES")
		os.Exit(2)
	}
	noted, err := figures.Read(flag.Arg(0))
	if err != nil {
		fmt.Fprintln(os.Stderr, "table:", err)
		os.Exit(2)
	}
	goals := figures.Goals
	if os.Getenv("DOORSTEP_LONG") != "" {
		goals = figures.OfLong()
	}
	missed, err := table(os.Stdout, goals, noted, *some)
	if err != nil {
		fmt.Fprintln(os.Stderr, "table:", err)
		os.Exit(2)
	}
	if missed > 0 {
		fmt.Fprintf(os.Stderr, "%d goals are missed.\n", missed)
		os.Exit(1)
	}
}

func table(to io.Writer, goals []figures.Goal, noted map[string]int, some bool) (missed int, err error) {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\tgoal\treached\t\tothers")
	for i := range goals {
		g := &goals[i]
		goal, state := fmt.Sprintf(">= %d", g.Least), ""
		switch {
		case g.None:
			goal = "0"
		case g.Told && g.Most == 0:
			goal = "told"
		case g.Told:
			goal = fmt.Sprintf("told, <= %d", g.Most)
		case g.Most > 0:
			goal = fmt.Sprintf("<= %d", g.Most)
		}
		reached := "not run"
		n, run := noted[g.Name]
		if run {
			reached = fmt.Sprint(n)
		}
		if some && (!run || n < g.Least) {
			state = "not yet"
		} else if !g.Kept(noted) {
			missed++
			state = "MISSED"
		} else if g.Above(noted) {
			state = "above"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", g.Name, goal, reached, state, g.Anchor)
	}
	return missed, w.Flush()
}
