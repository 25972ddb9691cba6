// Command table prints what a run of the proofs reached, beside what it was to reach and what is known of others. It ends
// with 1 if a goal was missed; with DOORSTEP_LONG in the environment, those of a long run are among them. Times of this machine are told and miss nothing.
//
//	go run ./scripts/prove/table FIGURES
package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"

	"github.com/doorstep-sync/doorstep/scripts/prove/figures"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: table FIGURES")
		os.Exit(2)
	}
	noted, err := figures.Read(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "table:", err)
		os.Exit(2)
	}
	goals := figures.Goals
	if os.Getenv("DOORSTEP_LONG") != "" {
		goals = slices.Concat(goals, figures.Long)
	}
	missed, err := table(os.Stdout, goals, noted)
	if err != nil {
		fmt.Fprintln(os.Stderr, "table:", err)
		os.Exit(2)
	}
	if missed > 0 {
		fmt.Fprintf(os.Stderr, "%d goals are missed.\n", missed)
		os.Exit(1)
	}
}

func table(to io.Writer, goals []figures.Goal, noted map[string]int) (missed int, err error) {
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
		if n, ok := noted[g.Name]; ok {
			reached = fmt.Sprint(n)
		}
		if !g.Kept(noted) {
			missed++
			state = "MISSED"
		} else if g.Above(noted) {
			state = "above"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", g.Name, goal, reached, state, g.Anchor)
	}
	return missed, w.Flush()
}
